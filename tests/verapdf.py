"""veraPDF, the reference validator of archived and accessible PDF: its jars through Maven, one JVM for a whole folder.

What cannot be brought up fails and says how to get it; `--without pdf` leaves it out by name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "1.28.2"
CACHE = Path(os.environ.get("BREACHFLOW_CACHE", Path(__file__).parents[1] / ".cache")) / f"verapdf-{VERSION}"
PROFILES = {"PDF/A-2A validation profile", "PDF/UA-1 validation profile"}
MISSING = (
    "veraPDF runs on Java 17 or newer and its jars come through Maven: `apt install openjdk-17-jre-headless maven`, and "
    "let the machine reach a Maven repository once. `--without pdf` leaves these tests out."
)
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>breachflow</groupId><artifactId>verapdf-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.verapdf.apps</groupId><artifactId>greenfield-apps</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


def faults(folder: Path) -> tuple[int, list[str]]:
    """Validate every PDF of a folder against the profiles that it says it follows; how many there were, and faults.

    Raises `LookupError` where the validator cannot be brought up.
    """
    done = subprocess.run(
        [
            "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
            "-cp", f"{jars()}/*", "org.verapdf.apps.GreenfieldCliWrapper", "--format", "json", str(folder),
        ],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    try:
        report = json.loads(done.stdout)["report"]
    except ValueError as error:
        raise LookupError(f"veraPDF did not answer: {done.stderr[-500:]}") from error
    found: list[str] = []
    for job in report["jobs"]:
        name = Path(job["itemDetails"]["name"]).name
        results = job.get("validationResult") or []
        missing = PROFILES - {result["profileName"] for result in results}
        found += [f"{name}: not validated against {profile}" for profile in sorted(missing)]
        found += [
            f"{name}: {result['profileName']}: {[rule['description'] for rule in result['details']['ruleSummaries']]}"
            for result in results
            if not result["compliant"]
        ]
    return len(report["jobs"]), found


def jars() -> Path:
    """The folder of the validator's jars, fetched through Maven where it is not there yet. Raises `LookupError`."""
    for program in ("java", "mvn") if not CACHE.is_dir() else ("java",):
        if shutil.which(program) is None:
            raise LookupError(f"{program} is not installed")
    if not CACHE.is_dir():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as half:
            (Path(half) / "pom.xml").write_text(POM)
            done = subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={half}/jars"],
                cwd=half, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise LookupError(f"Maven could not fetch the validator: {done.stdout[-500:]}")
            with contextlib.suppress(OSError):  # Another run was faster.
                (Path(half) / "jars").rename(CACHE)
    return CACHE
