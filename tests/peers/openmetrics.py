"""Parses a page of OpenMetrics text from standard input, and prints its families as JSON.

The parser is that of the Prometheus project's Python library. It knows the rules of the format, and fails where one is broken.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def family(metric):
    samples = [{"name": sample.name, "labels": sample.labels, "value": sample.value} for sample in metric.samples]
    return {"type": metric.type, "unit": metric.unit, "help": metric.documentation, "samples": samples}


page = sys.stdin.read()
families = {metric.name: family(metric) for metric in text_string_to_metric_families(page)}
json.dump(families, sys.stdout)
