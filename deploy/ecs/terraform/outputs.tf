output "cluster" {
  description = "The cluster of the task, for `aws ecs run-task`."
  value       = local.cluster_name
}

output "alarm_topic" {
  description = "Where alarms go; without subscribers, nobody is told."
  value       = local.alarm_topic_arn
}

output "log_group" {
  description = "Where the logs are."
  value       = aws_cloudwatch_log_group.this.name
}

output "task_definition" {
  description = "What `aws ecs run-task` starts."
  value       = aws_ecs_task_definition.this.arn
}

output "security_group" {
  description = "The security group of the task, for `aws ecs run-task`."
  value       = aws_security_group.this.id
}

output "task_role" {
  description = "Who tagferry is in AWS; what a role of another account has to trust."
  value       = aws_iam_role.task.arn
}
