"""LiteLLM's proxy: the newest release that pip can install, in a virtual environment of its own.

Configured as lean as it goes: one worker, one deployment, a master key, no database, no callbacks.
"""

import subprocess
import sys
import venv
from pathlib import Path
from textwrap import dedent

from bench.gateway import KEY, MODEL, Gateway, Plan, Site
from bench.process import Launch, first_line, free_port

ENVIRONMENT = Path(__file__).resolve().parent.parent / ".venv-litellm"


class LiteLLM(Gateway):
    name = "litellm"
    about = (
        "one worker, one deployment, a master key, no database, no callbacks, "
        "access log into a file"
    )
    slow = True
    patience_s = 90.0

    def missing(self) -> str | None:
        if self._program.exists():
            return None
        print("installing LiteLLM into .venv-litellm", file=sys.stderr, flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
        done = self._pip("install", "--upgrade", "litellm[proxy]")
        if done.returncode == 0 and self._program.exists():
            return None
        return f"pip could not install litellm[proxy]: {done.stderr.strip()[-300:]}"

    def version(self) -> str:
        installed = first_line(
            [
                str(self._python),
                "-c",
                "from importlib.metadata import version; print(version('litellm'))",
            ]
        )
        newest = (
            self._pip("index", "versions", "litellm").stdout.partition("(")[2].partition(")")[0]
        )
        if newest and newest != installed:
            return f"{installed} (the newest that pip can resolve here; {newest} is published)"
        return installed

    def plan(self, site: Site) -> Plan:
        port = free_port()
        config = site.folder / "litellm.yaml"
        config.write_text(
            dedent(f"""\
            model_list:
              - model_name: {MODEL}
                litellm_params:
                  model: anthropic/{MODEL}
                  api_base: http://127.0.0.1:{site.upstream_port}
                  api_key: sk-ant-bench
            general_settings:
              master_key: {KEY}
            litellm_settings:
              telemetry: false
            """)
        )
        argv = [
            str(self._program),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--num_workers",
            "1",
        ]
        # Its table of prices comes from the package instead of the network.
        env = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PATH": f"{self._program.parent}:/usr/bin:/bin",
        }
        return Plan(
            Launch(argv, site.core, site.folder / "litellm.log", env=env, cwd=site.folder), port
        )

    @property
    def _program(self) -> Path:
        return ENVIRONMENT / "bin" / "litellm"

    @property
    def _python(self) -> Path:
        return ENVIRONMENT / "bin" / "python"

    def _pip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self._python), "-m", "pip", "--disable-pip-version-check", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=1200, check=False)
