"""Drives the Python client of the ORAS project, and prints what it finds as JSON.

artifacts.py push REFERENCE FOLDER, pull REFERENCE FOLDER, tags REPOSITORY, manifest REFERENCE, layout FOLDER TAG
"""

import json
import os
import sys

from oras.client import OrasClient
from oras.layout import Layout

verb, where, *rest = sys.argv[1:]
client = OrasClient(insecure=True)
if verb == "push":
    os.chdir(rest[0])
    client.push(target=where, files=sorted(os.listdir(".")), manifest_annotations={"made-by": "oras"}, quiet=True)
    found = client.get_manifest(where)
elif verb == "pull":
    files = client.pull(target=where, outdir=rest[0])
    found = {os.path.basename(file): open(file, encoding="utf-8").read() for file in files}
elif verb == "tags":
    found = client.get_tags(where)
elif verb == "manifest":
    found = client.get_manifest(where)
elif verb == "layout":
    found = Layout(where).get_ordered_blobs(rest[0])
else:
    sys.exit(f"unknown: {verb}")
json.dump(found, sys.stdout)
