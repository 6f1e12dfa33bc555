# What tagferry may do, and who may become it: the policies of deploy/iam for these names. Uses no provider, so that
# anybody can evaluate it.

variable "partition" {
  description = "The partition of the ARNs."
  type        = string
  default     = "aws"
}

variable "region" {
  description = "The region of the tasks."
  type        = string
}

variable "account" {
  description = "The account of the tasks."
  type        = string
}

variable "target_repository_arns" {
  description = "The ARNs of the target repositories, with * for a part of a name."
  type        = list(string)
}

variable "create_repositories" {
  description = "Whether tagferry may make target repositories."
  type        = bool
}

variable "secret_arns" {
  description = "The ARNs of the secrets that hold logins."
  type        = list(string)
}

variable "mirror_role_arn" {
  description = "The role of another account that the configuration names as role_arn; null for none."
  type        = string
}

variable "notice_topic_arn" {
  description = "The SNS topic for notices; null for none."
  type        = string
}

variable "notice_event_bus_arn" {
  description = "The EventBridge bus for notices; null for none."
  type        = string
}

locals {
  statements = {
    mirror = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = "*"
      },
      {
        Sid    = "Mirror"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:DescribeRepositories",
          "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = var.target_repository_arns
      },
    ]
    secret = [
      for resources in length(var.secret_arns) > 0 ? [var.secret_arns] : [] : {
        Sid      = "ReadLogin"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = resources
      }
    ]
    create = [
      for resources in var.create_repositories ? [var.target_repository_arns] : [] : {
        Sid      = "Create"
        Effect   = "Allow"
        Action   = ["ecr:CreateRepository", "ecr:PutLifecyclePolicy", "ecr:SetRepositoryPolicy", "ecr:TagResource"]
        Resource = resources
      }
    ]
    assume-role = [
      for resource in var.mirror_role_arn == null ? [] : [var.mirror_role_arn] : {
        Sid      = "AssumeMirrorRole"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = resource
      }
    ]
    notices = concat(
      [
        for resource in var.notice_topic_arn == null ? [] : [var.notice_topic_arn] : {
          Sid      = "PublishNotices"
          Effect   = "Allow"
          Action   = ["sns:Publish"]
          Resource = resource
        }
      ],
      [
        for resource in var.notice_event_bus_arn == null ? [] : [var.notice_event_bus_arn] : {
          Sid      = "PutNotices"
          Effect   = "Allow"
          Action   = ["events:PutEvents"]
          Resource = resource
        }
      ],
    )
  }
}

output "policies" {
  description = "The policy documents in JSON by the names of deploy/iam; only those that are wanted."
  value = {
    for name, statements in local.statements : name => jsonencode({ Version = "2012-10-17", Statement = statements })
    if length(statements) > 0
  }
}

output "trust_tasks" {
  description = "The trust policy for roles of ECS tasks, in JSON."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TrustTasks"
        Effect    = "Allow"
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Action    = ["sts:AssumeRole"]
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account }
          ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:ecs:${var.region}:${var.account}:*" }
        }
      },
    ]
  })
}
