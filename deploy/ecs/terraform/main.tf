data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id

  cluster_arn = var.cluster_arn == null ? aws_ecs_cluster.this[0].arn : var.cluster_arn
  # The last part of an ARN, after `cluster/`.
  cluster_name = reverse(split("/", local.cluster_arn))[0]

  config_parameter_arn = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${var.config_parameter}"

  is_service = var.mode == "service"
  # Others reach the API of the service only where they have to show a token.
  is_open = local.is_service && var.api_token_secret_arn != null

  has_target_group = local.is_open && var.target_group_arn != null

  command = local.is_open ? ["serve", "--listen", "0.0.0.0:8080"] : local.is_service ? ["serve"] : ["sync", "--output", "none"]
}

resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65: Container Insights costs more than the task does; the alarms need none of it
  count = var.cluster_arn == null ? 1 : 0

  name = var.name
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158: logs hold names and digests of images, never a secret; AWS' own key encrypts them
  name              = "/ecs/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    cpu_architecture        = var.architecture
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([
    {
      name                   = "tagferry"
      image                  = var.image
      essential              = true
      command                = concat(["--log-format", "json"], local.command)
      user                   = "65532:65532"
      readonlyRootFilesystem = true
      linuxParameters        = { capabilities = { drop = ["ALL"] } }
      # Copies in flight have shutdown_grace, 25 s, to end.
      stopTimeout = 30
      # `sync` writes CloudWatch's metrics into its log, in a namespace of the same name: docs/metrics.md.
      environment = local.is_service ? [] : [{ name = "TAGFERRY_METRICS", value = "emf=${var.name}" }]
      secrets = concat(
        [{ name = "TAGFERRY_CONFIG_YAML", valueFrom = var.config_secret_arn == null ? local.config_parameter_arn : var.config_secret_arn }],
        local.is_open ? [{ name = "TAGFERRY_API_TOKEN", valueFrom = var.api_token_secret_arn }] : [],
      )
      portMappings = local.is_open ? [{ name = "http", containerPort = 8080, protocol = "tcp", appProtocol = "http" }] : []
      healthCheck = local.is_service ? {
        command     = ["CMD", "/usr/local/bin/tagferry", "health"]
        interval    = 30
        timeout     = 5
        retries     = 3
        startPeriod = 10
      } : null
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = local.region
          awslogs-stream-prefix = "tagferry"
        }
      }
    },
  ])
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "tagferry reaches registries and AWS over HTTPS"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }

  security_group_id = aws_security_group.this.id
  description       = "Registries and AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.key == "ipv4" ? each.value : null
  cidr_ipv6         = each.key == "ipv6" ? each.value : null
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  count = local.is_open && var.api_client_security_group_id != null ? 1 : 0

  security_group_id            = aws_security_group.this.id
  description                  = "Those who may ask the API"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = var.api_client_security_group_id
}
