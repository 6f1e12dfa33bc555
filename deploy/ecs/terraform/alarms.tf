locals {
  alarm_topic_arn = var.alarm_topic_arn == null ? aws_sns_topic.alarms[0].arn : var.alarm_topic_arn
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26: alarms name the stack and no secret; CloudWatch publishes to an encrypted topic only with a key of its own, paid for
  count = var.alarm_topic_arn == null ? 1 : 0

  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "mail" {
  count = var.alarm_topic_arn == null && var.alarm_email != null ? 1 : 0

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# `serve` tells Prometheus, not CloudWatch: what its log says of each pass counts for the alarms below.
resource "aws_cloudwatch_log_metric_filter" "passes" {
  for_each = local.is_service ? {
    Succeeded = "{ $.message = \"Done *\" && $.failed = 0 && $.not_started = 0 }"
    Failed    = "{ $.message = \"Could not finish*\" || ($.message = \"Done *\" && $.failed > 0) }"
  } : {}

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = each.value

  metric_transformation {
    namespace = var.name
    name      = each.key
    value     = "1"
    unit      = "Count"
  }
}

# Nothing at all is the worst of it: a disabled schedule, a role that is gone, an image that cannot be pulled.
resource "aws_cloudwatch_metric_alarm" "no_success" {
  alarm_name          = "${var.name}-no-success"
  alarm_description   = "No run of tagferry has succeeded for ${var.fresh_hours} hours, so targets may lack new versions. See whether tasks start (aws ecs list-tasks --desired-status STOPPED, the schedule's state), and what the last of them said: aws logs tail /ecs/${var.name}"
  namespace           = var.name
  metric_name         = "Succeeded"
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = var.fresh_hours
  datapoints_to_alarm = var.fresh_hours
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "failed_twice" {
  alarm_name          = "${var.name}-failed-twice"
  alarm_description   = "Mirrors failed in two hours or more of the last ${var.fresh_hours}. Which, and why: aws logs filter-log-events --log-group-name /ecs/${var.name} --filter-pattern '{ $.level = \"ERROR\" }' --query 'events[].message'"
  namespace           = var.name
  metric_name         = "Failed"
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = var.fresh_hours
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "not_started" {
  count = local.is_service ? 0 : 1

  alarm_name          = "${var.name}-not-started"
  alarm_description   = "EventBridge Scheduler could not start a task and gave up. The message in the queue ${var.name}-not-started says why (ERROR_MESSAGE); the alarm ends when the queue is empty."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.not_started[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
}

# ECS measures a service as long as a task of it runs.
resource "aws_cloudwatch_metric_alarm" "down" {
  count = local.is_service ? 1 : 0

  alarm_name          = "${var.name}-down"
  alarm_description   = "No task of the service ${var.name} has run for 15 minutes. Its events say why: aws ecs describe-services"
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = local.cluster_name, ServiceName = aws_ecs_service.this[0].name }
  statistic           = "SampleCount"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
}
