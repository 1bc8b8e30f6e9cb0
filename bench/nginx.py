"""nginx as a bare proxy: one worker, ``proxy_pass`` over kept-alive connections, no buffering.

It forwards bytes to an upstream that speaks the client's own protocol, so it is the bound that a
gateway which reads and translates cannot reach.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from textwrap import dedent

from bench.gateway import Gateway, Plan, Site
from bench.process import Launch, first_line, free_port


class Nginx(Gateway):
    name = "nginx"
    about = (
        "`proxy_pass`, one worker, kept-alive upstream connections, `proxy_buffering off`, "
        "request bodies kept in memory, access log into a file; **no translation**: it is the bound"
    )
    translates = False
    may_pause = False  # an idle nginx does nothing at all

    def missing(self) -> str | None:
        if _program() is None:
            _install()
        if _program() is None:
            return (
                "nginx is not installed and could not be: "
                "`apt-get install nginx-light` needs root and Debian's packages"
            )
        return None

    def version(self) -> str:
        found = re.search(r"nginx/(\S+)", first_line([_program() or "nginx", "-v"]))
        return found.group(1) if found else "unknown"

    def plan(self, site: Site) -> Plan:
        port = free_port()
        config = site.folder / "nginx.conf"
        config.write_text(_config(site, port))
        argv = [_program() or "nginx", "-p", str(site.folder), "-c", str(config)]
        return Plan(
            Launch(argv, site.core, site.folder / "nginx.log", orphaned=signal.SIGTERM), port
        )


def _program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def _install() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    subprocess.run(
        [apt, "install", "-y", "--no-install-recommends", "nginx-light"],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        timeout=300,
        check=False,
    )


def _config(site: Site, port: int) -> str:
    folder: Path = site.folder
    user = "user root;" if os.geteuid() == 0 else ""
    return dedent(f"""\
        {user}
        worker_processes 1;
        daemon off;
        pid {folder}/nginx.pid;
        error_log {folder}/error.log;
        worker_rlimit_nofile 16384;
        events {{ worker_connections 8000; }}
        http {{
          access_log {folder}/access.log;
          client_body_temp_path {folder}/body;
          proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi;
          uwsgi_temp_path {folder}/uwsgi;
          scgi_temp_path {folder}/scgi;
          keepalive_requests 1000000000;
          client_max_body_size 64m;
          client_body_buffer_size 4m;
          upstream model {{
            server 127.0.0.1:{site.upstream_port};
            keepalive 2048;
            keepalive_requests 1000000000;
          }}
          server {{
            listen 127.0.0.1:{port} backlog=4096;
            location / {{
              proxy_pass http://model;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_buffering off;
            }}
          }}
        }}
        """)
