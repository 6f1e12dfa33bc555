locals {
  # What Fargate does before tagferry starts: the image, the logs, the configuration.
  start = concat(
    [
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
      var.config_secret_arn == null ? {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = ["ssm:GetParameters"]
        Resource = local.config_parameter_arn
        } : {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.config_secret_arn
      },
    ],
    local.is_open ? [
      {
        Sid      = "ApiToken"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.api_token_secret_arn
      },
    ] : [],
    var.image_repository == null ? [] : [
      {
        Sid      = "ImageLogin"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = "*"
      },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = "arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${var.image_repository}"
      },
    ],
  )
}

resource "aws_iam_role" "execution" {
  name_prefix        = "${var.name}-execution-"
  assume_role_policy = module.policies.trust_tasks
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.start })
}

# What tagferry does. The policies are those of deploy/iam.
module "policies" {
  source = "./policies"

  partition              = local.partition
  region                 = local.region
  account                = local.account
  target_repository_arns = var.target_repository_arns
  create_repositories    = var.create_repositories
  secret_arns            = var.secret_arns
  mirror_role_arn        = var.mirror_role_arn
  notice_topic_arn       = var.notice_topic_arn
  notice_event_bus_arn   = var.notice_event_bus_arn
}

resource "aws_iam_role" "task" {
  name_prefix        = "${var.name}-task-"
  assume_role_policy = module.policies.trust_tasks
}

resource "aws_iam_role_policy" "task" {
  for_each = module.policies.policies

  name   = each.key
  role   = aws_iam_role.task.id
  policy = each.value
}
