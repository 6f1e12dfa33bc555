# Mode service: `serve`, once. A new version starts when the old one has ended.

resource "aws_ecs_service" "this" {
  # checkov:skip=CKV_AWS_333: whether there is a public address is for who has only public subnets to say; the default is none
  count = local.is_service ? 1 : 0

  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  launch_type                        = "FARGATE"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    assign_public_ip = var.assign_public_ip
    security_groups  = [aws_security_group.this.id]
    subnets          = var.subnet_ids
  }
}
