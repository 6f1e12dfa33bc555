variable "name" {
  description = "The name of everything that is made here."
  type        = string
  default     = "tagferry"
}

variable "mode" {
  description = "schedule starts `sync` with EventBridge Scheduler; service runs `serve` all the time."
  type        = string
  default     = "schedule"

  validation {
    condition     = contains(["schedule", "service"], var.mode)
    error_message = "mode is schedule or service."
  }
}

variable "image" {
  description = "The image with its tag or, better, its digest."
  type        = string
}

variable "image_repository" {
  description = "The name of the ECR repository of this account and region that holds the image; null for another registry."
  type        = string
  default     = "tagferry"
}

variable "architecture" {
  description = "One that the image was built for: ARM64 or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture is ARM64 or X86_64."
  }
}

variable "cpu" {
  description = "CPU units of the task; 1024 is one processor."
  type        = number
  default     = 512
}

variable "memory" {
  description = "MiB of the task, one of those that Fargate offers for its CPU units."
  type        = number
  default     = 1024
}

variable "schedule_expression" {
  description = "Mode schedule: as EventBridge Scheduler takes it, with more time between two starts than a run needs."
  type        = string
  default     = "cron(0 */6 * * ? *)"
}

variable "schedule_timezone" {
  description = "The IANA name of the time zone of the schedule."
  type        = string
  default     = "UTC"
}

variable "config_parameter" {
  description = "The name of the SSM parameter that holds the configuration, up to 8 KB, without its leading slash."
  type        = string
  default     = "tagferry/config"
}

variable "config_secret_arn" {
  description = "The ARN of a secret that is the configuration, up to 64 KB, instead of config_parameter; null for none."
  type        = string
  default     = null
}

variable "secret_arns" {
  description = "The ARNs of the secrets that the configuration names as logins; none for public sources."
  type        = list(string)
  default     = []
}

variable "api_token_secret_arn" {
  description = "Mode service: the ARN of a secret that is the API token. Null: the API answers inside the task alone."
  type        = string
  default     = null
}

variable "api_client_security_group_id" {
  description = "Mode service: the security group of those who may ask on port 8080, such as a load balancer's."
  type        = string
  default     = null

  validation {
    condition     = var.api_client_security_group_id == null || var.api_token_secret_arn != null
    error_message = "api_client_security_group_id lets others reach the API, so it needs api_token_secret_arn."
  }
}

variable "target_group_arn" {
  description = "Mode service: the target group (type ip, health check /readyz) that the page is put behind; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.target_group_arn == null || var.api_token_secret_arn != null
    error_message = "target_group_arn lets others reach the API, so it needs api_token_secret_arn."
  }
}

variable "service_connect_namespace" {
  description = "Mode service: the Cloud Map namespace in which services of ECS find the page as http://tagferry:8080; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.service_connect_namespace == null || var.api_token_secret_arn != null
    error_message = "service_connect_namespace lets others reach the API, so it needs api_token_secret_arn."
  }
}

variable "target_repository_arns" {
  description = "The ARNs of the target repositories, with * for a part of a name, such as arn:aws:ecr:ap-northeast-1:123456789012:repository/oracle/*."
  type        = list(string)
}

variable "create_repositories" {
  description = "Whether tagferry may make target repositories (create_repositories in the configuration)."
  type        = bool
  default     = false
}

variable "mirror_role_arn" {
  description = "The role of another account that the configuration names as role_arn; null for none."
  type        = string
  default     = null
}

variable "notice_topic_arn" {
  description = "The SNS topic that the configuration sends notices to; null for none."
  type        = string
  default     = null
}

variable "notice_event_bus_arn" {
  description = "The EventBridge bus that the configuration sends notices to; null for none."
  type        = string
  default     = null
}

variable "cluster_arn" {
  description = "The ARN of an ECS cluster with Fargate; null, one is made here."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The VPC of the subnets."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets with a way to the source and to AWS, or public ones with assign_public_ip."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether the task gets a public address."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 365
}

variable "fresh_hours" {
  description = "Alarm where no run succeeded for so many hours; more than two intervals of the schedule."
  type        = number
  default     = 13

  validation {
    condition     = var.fresh_hours >= 2 && var.fresh_hours <= 168
    error_message = "fresh_hours is a number from 2 to 168."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms go to; null, one is made here."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "Who is told by mail, once they have confirmed it; for the topic that is made here. Null for nobody."
  type        = string
  default     = null
}
