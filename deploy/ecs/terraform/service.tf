# Mode service: `serve`, once. A new version starts when the old one has ended.

resource "aws_ecs_service" "this" {
  # checkov:skip=CKV_AWS_333: whether there is a public address is for who has only public subnets to say; the default is none
  count = local.is_service ? 1 : 0

  name                               = var.name
  cluster                            = local.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  launch_type                        = "FARGATE"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  health_check_grace_period_seconds  = local.has_target_group ? 60 : null

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    assign_public_ip = var.assign_public_ip
    security_groups  = [aws_security_group.this.id]
    subnets          = var.subnet_ids
  }

  dynamic "load_balancer" {
    for_each = local.has_target_group ? [var.target_group_arn] : []

    content {
      container_name   = "tagferry"
      container_port   = 8080
      target_group_arn = load_balancer.value
    }
  }

  dynamic "service_connect_configuration" {
    for_each = local.is_open && var.service_connect_namespace != null ? [var.service_connect_namespace] : []

    content {
      enabled   = true
      namespace = service_connect_configuration.value

      service {
        port_name = "http"

        client_alias {
          port     = 8080
          dns_name = "tagferry"
        }
      }
    }
  }
}
