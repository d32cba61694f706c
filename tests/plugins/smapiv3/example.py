#!/usr/bin/env python3
"""A storage plug-in of the third kind: disks as raw files in a directory, a copy for each snapshot.

Every verb of both folders is a link to this program.
"""

import json
import os
import pathlib
import shutil
import sys
import uuid

MIB = 1 << 20
LARGEST = 1 << 50
VOLUME = {
    "plugin": "example", "name": "example 3", "description": "Raw files in a directory", "vendor": "the tests",
    "copyright": "(C) the tests", "version": "1.3", "required_api_version": "5.0", "features": ["NOVELTY"],
    "configuration": {"location": "the directory"}, "required_cluster_stack": [],
}  # fmt: skip


class Refused(Exception):
    """An error: code and parameters."""


def main():
    verb = pathlib.Path(sys.argv[0]).name
    if sys.argv[1:] != ["--json"]:
        sys.exit("--json is missing")
    given = json.load(sys.stdin)
    given.pop("dbg", None)
    accident = pathlib.Path(os.environ.get("EXAMPLE_ACCIDENTS", "/nowhere")) / verb
    if accident.exists():
        exec(accident.read_text())
    try:
        answer = VERBS[verb.lower()](**given)
    except Refused as error:
        code, *params = error.args
        backtrace = {"error": code, "files": [], "lines": []}
        print(json.dumps({"code": code, "params": params, "backtrace": backtrace}))
        sys.exit(1)
    print(json.dumps(answer))


def place_of(configuration):
    location = configuration.get("location", "")
    path = pathlib.Path(location)
    if not location or not path.is_absolute() or ".." in path.parts or "\n" in location:
        raise Refused("SR_BACKEND_FAILURE_94", "", "location is missing", "")
    return path


def mark(place):
    return pathlib.Path(place) / "repository"


def probe(configuration):
    place = place_of(configuration)
    if not mark(place).is_file():
        return []
    identity = mark(place).read_text()
    return [
        {"configuration": configuration | {"sr_uuid": identity}, "complete": True, "sr": space(place), "extra_info": {}}
    ]


def create(uuid, configuration, name, description):
    place = place_of(configuration)
    place.mkdir(parents=True, exist_ok=True)
    if mark(place).is_file() and mark(place).read_text() != uuid:
        raise Refused("SR_BACKEND_FAILURE_42", "", "there is a repository already", "")
    mark(place).write_text(uuid)
    return configuration | {"sr_uuid": uuid}


def attach(configuration):
    place = place_of(configuration)
    if not mark(place).is_file():
        raise Refused("SR_BACKEND_FAILURE_47", "", "the repository is not there", "")
    if configuration.get("sr_uuid", mark(place).read_text()) != mark(place).read_text():
        raise Refused("SR_BACKEND_FAILURE_47", "", "another repository is there", "")
    return str(place)


def destroy(sr):
    if volumes(sr):
        raise Refused("SR_BACKEND_FAILURE_39", "", "there are disks", "")
    shutil.rmtree(sr)


def space(sr):
    found = os.statvfs(sr)
    total, free = found.f_blocks * found.f_frsize, found.f_bfree * found.f_frsize
    return {
        "sr": str(sr), "name": "example", "uuid": mark(sr).read_text(), "description": "", "free_space": free,
        "total_space": total, "datasources": [], "clustered": False, "health": ["Healthy", ""],
    }  # fmt: skip


def volumes(sr):
    return [described(path) for path in sorted(pathlib.Path(sr).glob("*.img"))]


def facts_of(path):
    return path.with_suffix(".json")


def described(path):
    found, facts = path.stat(), json.loads(facts_of(path).read_text())
    return facts | {
        "key": path.name, "uuid": None, "read_write": True, "sharable": False, "virtual_size": found.st_size,
        "physical_utilisation": found.st_blocks * 512, "uri": [f"other:///{path}", f"example+file://{path}"],
    }  # fmt: skip


def file(sr, key):
    path = pathlib.Path(sr) / key
    if not key or "/" in key or not path.is_file() or path.suffix != ".img":
        raise Refused("Volume_does_not_exist", key)
    return path


def rounded(size):
    if not 0 <= size <= LARGEST:
        raise Refused("SR_BACKEND_FAILURE_79", "", "an impossible size", "")
    return max(-(-size // MIB), 1) * MIB


def volume_create(sr, name, description, size, sharable):
    path, size = pathlib.Path(sr) / f"{uuid.uuid4()}.img", rounded(size)
    facts_of(path).write_text(json.dumps({"name": name, "description": description, "keys": {}}))
    with path.open("xb") as made:
        made.truncate(size)
    return described(path)


def volume_copy(sr, key):
    source = file(sr, key)
    path = pathlib.Path(sr) / f"{uuid.uuid4()}.img"
    facts_of(path).write_text(json.dumps(json.loads(facts_of(source).read_text()) | {"keys": {}}))
    shutil.copyfile(source, path)
    return described(path)


def volume_destroy(sr, key):
    path = file(sr, key)
    path.unlink()
    facts_of(path).unlink()


def volume_resize(sr, key, new_size):
    path = file(sr, key)
    if new_size < path.stat().st_size:
        raise Refused("SR_BACKEND_FAILURE_79", "", "it would be smaller", "")
    os.truncate(path, rounded(new_size))


def changed(sr, key, change):
    path = facts_of(file(sr, key))
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def named(sr, **words):
    path = pathlib.Path(sr) / "names.json"
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | words))


def opened(uri, domain):
    return {
        "implementations": [
            ["XenDisk", {"params": "x", "extra": {}, "backend_type": "vbd"}],
            ["File", {"path": uri.removeprefix("example+file://")}],
        ]
    }


VERBS = {
    "plugin.query": lambda: VOLUME,
    "plugin.diagnostics": lambda: "well",
    "sr.probe": probe,
    "sr.create": create,
    "sr.attach": attach,
    "sr.detach": lambda sr: None,
    "sr.destroy": destroy,
    "sr.stat": space,
    "sr.ls": volumes,
    "sr.set_name": lambda sr, new_name: named(sr, name=new_name),
    "sr.set_description": lambda sr, new_description: named(sr, description=new_description),
    "volume.create": volume_create,
    "volume.snapshot": volume_copy,
    "volume.clone": volume_copy,
    "volume.destroy": volume_destroy,
    "volume.resize": volume_resize,
    "volume.stat": lambda sr, key: described(file(sr, key)),
    "volume.set": lambda sr, key, k, v: changed(sr, key, lambda facts: facts["keys"].update({k: v})),
    "volume.unset": lambda sr, key, k: changed(sr, key, lambda facts: facts["keys"].pop(k, None)),
    "volume.set_name": lambda sr, key, new_name: changed(sr, key, lambda facts: facts.update(name=new_name)),
    "volume.set_description": lambda sr, key, new_description: changed(
        sr, key, lambda facts: facts.update(description=new_description)
    ),
    "datapath.open": lambda uri, persistent: None,
    "datapath.attach": opened,
    "datapath.activate": lambda uri, domain: None,
    "datapath.activate_readonly": lambda uri, domain: None,
    "datapath.deactivate": lambda uri, domain: None,
    "datapath.detach": lambda uri, domain: None,
    "datapath.close": lambda uri: None,
}

if __name__ == "__main__":
    main()
