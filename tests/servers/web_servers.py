"""Real web servers for tests: lighttpd, nginx and Apache, each on free ports of 127.0.0.1.

    with WebServers() as web:
        web.static        # nginx: reads the files below web.root, takes no writes
        web.secure        # the same under TLS, with HTTP/2; web.certificate is to be trusted
        web.lighttpd      # WebDAV whose conditions hold
        web.nginx_dav     # WebDAV that ignores conditions
        web.apache        # WebDAV that checks conditions, but not in one step with the write

As a program it starts them, prints their addresses as lines for a shell, and stops them at end of
input:

    python3 tests/servers/web_servers.py
"""

import os
import pathlib
import shutil
import sys

from child_servers import ChildServers, answers, free_ports, serve_until_end_of_input
from scripted_server import make_certificate

PACKAGES = "lighttpd lighttpd-mod-webdav nginx apache2-bin openssl"
PROGRAMS = ("lighttpd", "nginx", "apache2", "openssl")
APACHE_MODULES = pathlib.Path("/usr/lib/apache2/modules")

# One worker, so a condition and the write under it are one step. Without a type for all files there
# are no tags.
LIGHTTPD = """
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_webdav")
server.upload-dirs = ("{folder}/up")
server.errorlog = "{folder}/lighttpd.log"
server.max-keep-alive-requests = 100000
server.max-fds = 16384
server.max-connections = 8192
server.stat-cache-engine = "disable"
static-file.disable-pathinfo = "enable"
etag.use-inode = "enable"
etag.use-mtime = "enable"
etag.use-size = "enable"
mimetype.assign = ("" => "application/octet-stream")
webdav.activate = "enable"
webdav.is-readonly = "disable"
"""

# `/spa/` answers whatever is missing with a page, as sites of one page do; `/moved/` is elsewhere;
# `/whole/` knows no ranges; `/login/` asks who is there.
NGINX = """
{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/octet-stream;
  types {{ text/html html; }}
  client_max_body_size 0;
  keepalive_requests 100000;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen 127.0.0.1:{static_port};
    root {root};
    location / {{ }}
    location /whole/ {{ alias {root}/; max_ranges 0; }}
    location /spa/ {{ alias {root}/; error_page 404 =200 /page.html; }}
    location = /page.html {{ alias {folder}/page.html; }}
    location /moved/ {{ return 301 http://elsewhere.example/files/; }}
    location /login/ {{ return 401; }}
    location /closed/ {{ return 403; }}
  }}
  server {{
    listen 127.0.0.1:{secure_port} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    access_log {folder}/secure-access.log;
    root {root};
  }}
  server {{
    listen 127.0.0.1:{dav_port};
    root {nginx_root};
    location / {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      create_full_put_path on;
      dav_access user:rw group:rw all:r;
    }}
  }}
}}
"""

APACHE = """
ServerRoot "{folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/apache.log"
Mutex file:{folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
{user}
MaxKeepAliveRequests 0
DocumentRoot "{root}"
DavLockDB "{folder}/locks"
<Directory "{root}">
  Dav On
  Require all granted
</Directory>
"""


def missing_program():
    """Name of a program that is needed and not installed; None when all are there."""
    return next((name for name in PROGRAMS if shutil.which(name, path=path()) is None), None)


def path():
    """Where servers lie; not all users have it."""
    return os.environ.get("PATH", "") + ":/usr/sbin"


class WebServers(ChildServers):
    """Start when made."""

    def __init__(self):
        super().__init__("web")
        self.folder.chmod(0o755)  # Apache does not run as root
        self.root = self.made("static")
        self.dav_root = self.made("lighttpd")
        (self.folder / "up").mkdir()
        (self.folder / "page.html").write_text("<!DOCTYPE html><title>Welcome</title>\n",
                                               encoding="utf-8")
        self.ports = free_ports(5)
        self.static, self.nginx_dav, self.lighttpd, self.apache, secure = (
            f"http://127.0.0.1:{port}" for port in self.ports)
        self.secure = secure.replace("http", "https")
        self.certificate, self.key = make_certificate(self.folder)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def made(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def server(self, name, conf, *words):
        file = self.folder / f"{name}.conf"
        file.write_text(conf, encoding="utf-8")
        self.start_child(name, [shutil.which(name, path=path()), *words, file])

    def start(self):
        is_root = os.geteuid() == 0
        static_port, dav_port, lighttpd_port, apache_port, secure_port = self.ports
        self.server("nginx", NGINX.format(
            user="user root;" if is_root else "", folder=self.folder, root=self.root,
            nginx_root=self.made("nginx"), static_port=static_port, dav_port=dav_port,
            secure_port=secure_port, certificate=self.certificate, key=self.key), "-c")
        self.server("lighttpd", LIGHTTPD.format(folder=self.folder, root=self.dav_root,
                                                port=lighttpd_port), "-D", "-f")
        apache_root = self.made("apache")
        if is_root:
            shutil.chown(apache_root, "www-data", "www-data")
            shutil.chown(self.folder, "www-data", "www-data")  # its locks
        self.server("apache2", APACHE.format(
            folder=self.folder, root=apache_root, port=apache_port, modules=APACHE_MODULES,
            user="User www-data\nGroup www-data" if is_root else ""), "-DFOREGROUND", "-f")
        for address in (self.static, self.nginx_dav, self.lighttpd, self.apache):
            self.wait_until(address, lambda address=address: answers(address))

    def secure_requests(self):
        """The request lines that `secure` has answered, such as "GET /a HTTP/2.0"."""
        lines = (self.folder / "secure-access.log").read_text(encoding="utf-8").splitlines()
        return [line.split('"')[1] for line in lines]


def settings(web):
    names = ("static", "secure", "certificate", "lighttpd", "nginx_dav", "apache", "root", "dav_root")
    return {f"WEB_{name.upper()}": getattr(web, name) for name in names}


if __name__ == "__main__":
    sys.exit(serve_until_end_of_input(missing_program(), PACKAGES, WebServers, settings))
