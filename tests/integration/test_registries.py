"""Registries that want to know who asks: the real docker-registry with htpasswd and with tokens, over TLS and over plain http.

registry.localhost is this machine by DNS (RFC 6761), and for the program a host like any other: only localhost and 127.* are
taken for this machine.
"""
import base64
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
import unittest
import unittest.mock

import ollama_peer
from harness import BINARY, SOURCE, Case

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers"), os.path.join(SOURCE, "tests", "fixtures")]
import loopback  # noqa: E402
import make_models  # noqa: E402
import registries  # noqa: E402
import registry_site  # noqa: E402

USER, PASSWORD = "modelreader", "pass:Canary-4711-word"
REFRESH = "refresh-Canary-0815-token"
SECRETS = (PASSWORD, REFRESH, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())

servers = None


def setUpModule():
    global servers
    servers = registries.for_module(USER, PASSWORD, REFRESH, ("open", "basic", "clear", "own", "token"))
    _, images = make_models.generate(servers._path("fixtures"), 1, 1 << 16, False)
    servers.image = images[2]
    registry_site.push(servers.ports["open"], servers.image)


class RegistryCase(Case):
    def setUp(self):
        super().setUp()
        self.machine.env |= {"SSL_CERT_FILE": servers._path("ca.pem"), "NO_PROXY": "localhost,127.0.0.1,::1"}
        self.seen = {name: len(servers.log(name)) for name in servers.ports}
        servers.tokens.asked.clear()
        servers.tokens.keys.clear()

    def host(self, name):
        return f"registry.localhost:{servers.ports[name]}"

    def source(self, name):
        return f"ollama:{self.host(name)}/{servers.image.name}:{servers.image.tag}"

    def statuses(self, name):
        """Of the requests for the manifest, in order."""
        log = servers.log(name)[self.seen[name]:]
        return [int(status) for status in re.findall(r'"GET /v2/[^ ]*/manifests/[^ ]* HTTP/[0-9.]+" (\d+)', log)]

    def sign_in(self, name, path=".docker/config.json", password=PASSWORD, **entry):
        """A file as `docker login` leaves it, in the home folder."""
        entry = entry or {"auth": base64.b64encode(f"{USER}:{password}".encode()).decode()}
        return self.put(path, {"auths": {self.host(name): entry}})

    def put(self, path, document):
        path = os.path.join(self.machine.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(document if isinstance(document, str) else json.dumps(document))
        return path

    def helper(self, script, name="canary"):
        """A credential helper of that name, in a folder of PATH; the configuration names it for all registries."""
        folder = os.path.join(self.machine.home, "bin")
        path = os.path.join(folder, "docker-credential-" + name)
        os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(script)
        os.chmod(path, 0o755)
        self.machine.env["PATH"] = folder + ":" + os.environ["PATH"]
        self.put(".docker/config.json", {"credsStore": name})
        return path

    def pulled(self, name, *options, host=None, env=None):
        source = self.source(name) if not host else f"ollama:{host}/{servers.image.name}:{servers.image.tag}"
        result = self.pull(*options, source, env=env)
        self.check_arrived((host or self.host(name)).replace("[::1]", "localhost"))
        self.check_quiet(result)
        return result

    def check_arrived(self, host):
        store = os.path.join(self.machine.root, ".ollama/models")
        path = os.path.join(store, "manifests", host, servers.image.name, servers.image.tag)
        self.assertEqual(self.read(path), servers.image.manifest)
        for digest, blob in servers.image.blobs.items():
            self.assertEqual(self.read(os.path.join(store, "blobs", digest.replace(":", "-"))), blob)

    def refused(self, name, *options, code, words, hint=(), env=None, source=None):
        """Text and JSON of a pull that fails; returns the text."""
        arguments = ["pull", "-y", *options, source or self.source(name)]
        told = self.machine.run(*arguments, env=env)
        self.assertEqual(told.returncode, code, told.out + told.err)
        for word in words + tuple(hint):
            self.assertIn(word, told.err)
        self.check_quiet(told)
        machine = self.machine.run(*arguments, "--json", env=env)
        self.assertEqual(machine.returncode, code)
        errors = json.loads(machine.out)["errors"]
        self.assertTrue(errors)
        self.assertEqual({error["retryable"] for error in errors}, {False}, errors)
        self.check_quiet(machine)
        self.assertFalse(os.path.exists(os.path.join(self.machine.root, ".ollama/models/manifests")))
        return told.err

    def check_quiet(self, result):
        """No secret in what was said, nor in what was written down."""
        for secret in SECRETS:
            self.assertNotIn(secret, result.out + result.err)
            kept = {os.path.join(self.machine.home, at) for at in (".docker", "bin", "run", "auth.json", "elsewhere", "docker-credential-canary")}
            for folder, folders, files in os.walk(self.machine.home):
                folders[:] = [at for at in folders if os.path.join(folder, at) not in kept]
                for file in files:
                    path = os.path.join(folder, file)
                    if path not in kept and os.path.isfile(path):
                        self.assertNotIn(secret.encode(), self.read(path), path)


class BasicTest(RegistryCase):
    """A user and a password, over TLS."""

    def test_without_a_sign_in(self):
        self.refused("basic", code=6, words=("wants a user and a password", self.host("basic"), servers.image.name),
                     hint=(f"docker login {self.host('basic')}",))
        self.assertEqual(self.statuses("basic"), [401, 401], "one request a run")

    def test_with_docker_s_configuration(self):
        self.sign_in("basic")
        self.pulled("basic")
        self.assertEqual(self.statuses("basic")[:2], [401, 200])
        for command in (["verify"], ["outdated"], ["list"], ["show", "--all"]):
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 0, result.out + result.err)
            self.check_quiet(result)

    def test_wherever_a_tool_leaves_it(self):
        for path, env in (("elsewhere/config.json", {"DOCKER_CONFIG": os.path.join(self.machine.home, "elsewhere")}),
                          ("auth.json", {"REGISTRY_AUTH_FILE": os.path.join(self.machine.home, "auth.json")}),
                          ("run/containers/auth.json", {"XDG_RUNTIME_DIR": os.path.join(self.machine.home, "run")})):
            self.sign_in("basic", path)
            self.pulled("basic", "--force", "--update", env=env)
            shutil.rmtree(os.path.join(self.machine.root, ".ollama"))
            os.unlink(os.path.join(self.machine.home, path))

    def test_a_sign_in_of_another_registry_is_not_sent(self):
        self.sign_in("clear")
        self.refused("basic", code=6, words=("wants a user and a password",))

    def test_a_wrong_password_is_sent_once(self):
        self.sign_in("basic", password="wrong")
        self.refused("basic", code=6, words=("refuses",), hint=("docker login",))
        self.assertEqual(self.statuses("basic"), [401, 401] * 2)

    def test_a_broken_file_is_told(self):
        for text, words in (("{", ("config.json", "not JSON")), ("[]", ("config.json",)),
                            (json.dumps({"auths": {self.host("basic"): {"auth": "%%%" + PASSWORD}}}), ("base64",))):
            self.put(".docker/config.json", text)
            self.refused("basic", code=2, words=words)


class HelperTest(RegistryCase):
    """Programs that keep sign-ins."""

    GOOD = f"""#!/bin/sh
[ "$#" = 1 ] && [ "$1" = get ] || exit 3
read -r host
printf '%s' "$host" >"$HOME/bin/asked"
tr '\\0' ' ' <"/proc/$PPID/cmdline" >"$HOME/bin/asker"
env >"$HOME/bin/environment"
printf '{{"ServerURL":"%s","Username":"{USER}","Secret":"{PASSWORD}"}}\\n' "$host"
"""

    def test_it_is_asked(self):
        self.helper(self.GOOD)
        self.machine.env |= {"HF_TOKEN": "hf_secret_of_another_service", "CIVITAI_TOKEN": "another_secret"}
        self.pulled("basic")
        folder = os.path.join(self.machine.home, "bin")
        self.assertEqual(self.read(folder + "/asked").decode(), self.host("basic"))
        self.assertNotIn(PASSWORD.encode(), self.read(folder + "/asker"))
        environment = self.read(folder + "/environment").decode()
        self.assertIn("HOME=", environment)
        self.assertNotIn("secret", environment)

    def test_it_is_asked_once_for_all_models(self):
        self.helper("#!/bin/sh\necho >>\"$HOME/bin/times\"\n" + self.GOOD.split("\n", 1)[1])
        absent = [f"ollama:{self.host('basic')}/acme/absent{i}:1" for i in range(3)]
        result = self.machine.run("plan", self.source("basic"), *absent)
        self.assertEqual(result.returncode, 5, result.out + result.err)
        self.assertEqual(self.read(os.path.join(self.machine.home, "bin/times")), b"\n")

    def test_a_helper_of_one_registry(self):
        self.helper(self.GOOD)
        self.put(".docker/config.json", {"credsStore": "not-there", "credHelpers": {self.host("basic"): "canary"}})
        self.pulled("basic")

    def test_one_that_has_none(self):
        self.helper("#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n")
        self.refused("basic", code=6, words=("wants a user and a password",))

    def test_one_that_is_of_no_use(self):
        cases = (("#!/bin/sh\necho rubbish " + PASSWORD + "\n", "no sign-in"), ("#!/bin/sh\nexit 0\n", "no sign-in"),
                 ("#!/bin/sh\necho " + PASSWORD + "\nexit 1\n", "fails"), ("#!/bin/sh\nkill -9 $$\n", "fails"),
                 ("#!/bin/sh\nyes " + PASSWORD + "\n", "fails"), ("#!/nowhere/sh\n", "No such file"),
                 ('#!/bin/sh\necho \'{"Username":"x","Secret":""}\'\n', "no sign-in"))
        for script, word in cases:
            with self.subTest(script=script[:40]):
                self.helper(script)
                self.refused("basic", code=6, words=("docker-credential-canary", word),
                             hint=("docker-credential-canary get",))

    def test_one_that_hangs_is_killed_with_what_it_started(self):
        self.helper("#!/bin/sh\nsleep 120 &\necho $! >\"$HOME/bin/child\"\nwait\n")
        begin = time.monotonic()
        result = self.machine.run("pull", "-y", self.source("basic"))
        self.assertEqual(result.returncode, 6, result.err)
        self.assertIn("10 seconds", result.err)
        self.assertLess(time.monotonic() - begin, 20)
        child = int(self.read(os.path.join(self.machine.home, "bin/child")))
        for _ in range(50):
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as file:
                    if file.read().split(")")[1].split()[0] == "Z":
                        break
            except FileNotFoundError:
                break
            time.sleep(0.1)
        else:
            self.fail("what the helper started is still there")

    def test_an_interrupt_does_not_wait_for_it(self):
        self.helper("#!/bin/sh\necho >\"$HOME/bin/began\"\nsleep 120\n")
        process = self.machine.start("pull", "-y", self.source("basic"))
        for _ in range(100):
            if os.path.exists(os.path.join(self.machine.home, "bin/began")):
                break
            time.sleep(0.1)
        process.send_signal(2)
        begin = time.monotonic()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertLess(time.monotonic() - begin, 8)

    def test_one_that_is_not_there(self):
        self.put(".docker/config.json", {"credsStore": "not-there"})
        self.refused("basic", code=6, words=("docker-credential-not-there", "PATH"), hint=("REGISTRY_AUTH_FILE",))

    def test_what_is_no_name_is_not_run(self):
        for name in ("../../bin/sh", "x;id", "Canary", "a b", "", "x" * 65, "$(id)"):
            path = os.path.join(self.machine.home, "bin/docker-credential-" + name.replace("/", "_"))
            self.helper("#!/bin/sh\necho >\"$HOME/bin/ran\"\n")
            if name and "/" not in name and len(name) < 60:
                shutil.copy(os.path.join(self.machine.home, "bin/docker-credential-canary"), path)
            self.put(".docker/config.json", {"credsStore": name})
            result = self.machine.run("pull", "-y", self.source("basic"))
            self.assertEqual(result.returncode, 2 if name else 6, result.err)
            self.assertFalse(os.path.exists(os.path.join(self.machine.home, "bin/ran")), name)

    def test_not_from_the_working_folder(self):
        self.helper(self.GOOD)
        shutil.copy(os.path.join(self.machine.home, "bin/docker-credential-canary"), self.machine.home)
        self.refused("basic", code=6, words=("PATH",), env={"PATH": ".::bin:/usr/bin:/bin"})

    @unittest.skipUnless(os.geteuid() == 0, "for root")
    def test_root_runs_nothing_by_another_user_s_word(self):
        program = self.helper(self.GOOD)
        config = os.path.join(self.machine.home, ".docker/config.json")
        for path in (config, self.machine.home, program):
            os.chown(path, 5003, 5003)
            self.refused("basic", code=11, words=("refused to run", "as root", path))
            os.chown(path, 0, 0)
        os.chmod(config, 0o666)
        self.refused("basic", code=11, words=("refused to run", config))
        os.chmod(config, 0o600)
        os.chmod(program, 0o777)
        self.refused("basic", code=11, words=("refused to run", program))
        self.assertFalse(os.path.exists(os.path.join(self.machine.home, "bin/asked")))
        os.chmod(program, 0o755)
        # in a folder that others may write, its name is anybody's: a link to another program of root's, say
        folder = os.path.dirname(program)
        for mode in (0o777, 0o1777):
            os.chmod(folder, mode)
            self.refused("basic", code=11, words=("refused to run", "folder of PATH", folder))
        os.chmod(folder, 0o755)
        os.chown(folder, 5003, 5003)
        self.refused("basic", code=11, words=("refused to run", "folder of PATH", folder))
        self.assertFalse(os.path.exists(os.path.join(folder, "asked")))
        os.chown(folder, 0, 0)
        self.pulled("basic")

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_a_user_runs_his_own(self):
        self.helper(self.GOOD)
        for folder, folders, files in os.walk(self.machine.home):
            for name in (".", *folders, *files):
                os.chown(os.path.join(folder, name), 5003, 5003)
        os.chmod(servers.state, 0o711)
        result = subprocess.run(["setpriv", "--reuid", "5003", "--regid", "5003", "--clear-groups", BINARY, "pull", "-y", self.source("basic")],
                                env=self.machine.env, capture_output=True, text=True, cwd=self.machine.home, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.check_arrived(self.host("basic"))


class PlainTest(RegistryCase):
    """Plain http, where the user says so."""

    def test_it_is_refused_with_a_hint_that_works(self):
        told = self.refused("open", code=15, words=("does not speak TLS",), hint=("--insecure-registry " + self.host("open"),))
        option = re.search(r"--insecure-registry \S+", told).group().split()
        self.pulled("open", *option)

    def test_wherever_it_is_said(self):
        for options, env, config in ((["--insecure-registry", "registry.localhost"], {}, None),
                                     (["--insecure-registry", "other.lan", "--insecure-registry", self.host("open").upper()], {}, None),
                                     ([], {"NCMODEL_INSECURE_REGISTRY": "other.lan:1," + self.host("open")}, None),
                                     ([], {}, {"insecure_registries": [self.host("open")]})):
            self.put(".config/ncmodel/config.json", config or {})
            self.pulled("open", *options, env=env)
            shutil.rmtree(os.path.join(self.machine.root, ".ollama"))

    def test_another_port_is_another_registry(self):
        self.refused("open", "--insecure-registry", self.host("clear"), code=15, words=("does not speak TLS",))

    def test_what_is_no_host(self):
        for text in ("http://registry.lan", "a/b", " ", "a:0", "a:b", "[::1", "u@h"):
            result = self.machine.run("list", "--insecure-registry", text)
            self.assertEqual(result.returncode, 2, text)
            self.assertIn("HOST:PORT", result.err)

    def test_a_password_over_plain_http_where_that_is_said(self):
        self.sign_in("clear")
        self.pulled("clear", "--insecure-registry", self.host("clear"))

    def test_without_a_sign_in(self):
        self.refused("clear", "--insecure-registry", self.host("clear"), code=6, words=("wants a user and a password",))

    def test_a_password_is_not_sent_in_clear_unless_that_is_said(self):
        self.sign_in("clear")
        self.machine.manifest([{"id": "code", "files": [{"from": [self.source("clear")], "insecure_http": True}]}])
        result = self.pull(code=11)
        for word in ("in clear", "--insecure-registry " + self.host("clear")):
            self.assertIn(word, result.err)
        self.check_quiet(result)
        self.assertEqual(self.statuses("clear"), [401])

    def test_this_machine_needs_no_saying(self):
        self.pulled("open", host=f"localhost:{servers.ports['open']}")
        self.sign_in("clear")
        self.put(".docker/config.json", {"auths": {f"127.0.0.1:{servers.ports['clear']}": {"auth": SECRETS[2]}}})
        self.pulled("clear", host=f"127.0.0.1:{servers.ports['clear']}")

    def test_another_machine(self):
        """An address that is not loopback: this machine's own in its network, with a user and a password."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # nothing is sent
            except OSError:
                self.skipTest("no network here")
            address = probe.getsockname()[0]
        port = loopback.free_ports(1)[0]
        host = f"{address}:{port}"
        servers.serve("lan", port, address, more=registry_site.htpasswd(servers._path("htpasswd")))
        self.put(".docker/config.json", {"auths": {host: {"auth": SECRETS[2]}}})
        source = f"ollama:{host}/{servers.image.name}:{servers.image.tag}"
        self.refused("lan", source=source, code=15, words=("does not speak TLS",), hint=("--insecure-registry " + host,))
        self.pulled("lan", "--insecure-registry", host, host=host)

    def test_this_machine_s_other_address(self):
        port = loopback.free_ports(1)[0]
        with socket.socket(socket.AF_INET6) as six:
            try:
                six.bind(("::1", 0))
            except OSError:
                self.skipTest("no ::1 here")
        servers.serve("six", port, "[::1]")
        self.pulled("open", host=f"[::1]:{port}")
        shutil.rmtree(os.path.join(self.machine.root, ".ollama"))
        self.machine.env["NCMODEL_OLLAMA_REGISTRY"] = f"http://[::1]:{port}"
        self.pull(f"ollama:{servers.image.name}:{servers.image.tag}")


    def test_a_real_ollama_lists_what_came_from_a_host_with_a_port(self):
        host, image = f"localhost:{servers.ports['open']}", servers.image
        self.pulled("open", host=host)
        checked = subprocess.run(
            [sys.executable, os.path.join(SOURCE, "tests/integration/ollama_peer.py"), "check", os.path.join(self.machine.root, ".ollama/models"),
             "--no-build", "--model", f"{host}/{image.name}:{image.tag}", "--size", str(image.size()), "--digest", image.digest, "--prune"],
            capture_output=True, text=True, timeout=120)
        if checked.returncode == 77:
            self.skipTest(checked.stdout.strip())
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


class TokenTest(RegistryCase):
    """A realm that hands out tokens, over TLS."""

    def asked(self):
        return [(method, account) for method, _, _, account in servers.tokens.asked]

    def test_with_user_and_password(self):
        self.sign_in("token")
        self.pulled("token")
        self.assertEqual(self.asked(), [("GET", USER)])
        self.assertIn(f"repository:{servers.image.name}:pull", servers.tokens.asked[0][2]["scope"])

    def test_with_an_identity_token(self):
        self.sign_in("token", identitytoken=REFRESH, auth=base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode())
        self.pulled("token")
        self.assertEqual(self.asked(), [("POST", "token")])

    def test_with_an_identity_token_of_a_helper(self):
        self.helper(HelperTest.GOOD.replace(USER, "<token>").replace(PASSWORD, REFRESH))
        self.pulled("token")
        self.assertEqual(self.asked(), [("POST", "token")])

    def test_an_identity_token_is_no_password(self):
        self.sign_in("basic", identitytoken=REFRESH)
        self.refused("basic", code=6, words=("wants a user and a password", "config.json"))

    def test_without_a_sign_in(self):
        self.refused("token", code=6, words=("refuses",), hint=("docker login",))
        self.assertEqual(self.asked(), [("GET", "")] * 2)

    def test_a_wrong_password_is_sent_once(self):
        self.sign_in("token", password="wrong")
        self.refused("token", code=6, words=("refuses", "config.json"), hint=("docker login",))
        self.assertEqual(self.asked(), [("GET", None)] * 2)

    def test_a_helper_that_fails_does_not_end_it(self):
        """Most models are everybody's: it is told, and asked without."""
        self.put(".docker/config.json", {"credsStore": "not-there"})
        self.refused("token", code=6, words=("docker-credential-not-there", "refuses"))
        self.assertEqual(self.asked(), [("GET", "")] * 2)


class OllamaKeyTest(RegistryCase):
    """Ollama's own key, for its own registry and for what stands in for it."""

    SOURCE = property(lambda self: f"ollama:{servers.image.name}:{servers.image.tag}")

    def setUp(self):
        super().setUp()
        self.machine.env["NCMODEL_OLLAMA_REGISTRY"] = f"https://localhost:{servers.ports['own']}"

    def make_key(self, *options):
        path = os.path.join(self.machine.home, ".ollama/id_ed25519")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-f", path, *(options or ("-t", "ed25519", "-N", ""))], check=True, stdin=subprocess.DEVNULL)
        with open(path + ".pub", encoding="ascii") as file:
            servers.tokens.keys.add(file.read().split()[1])
        return path

    def asked(self):
        return [(method, account) for method, _, _, account in servers.tokens.asked]

    def test_a_private_model_is_pulled(self):
        path = self.make_key()
        self.pull(self.SOURCE)
        self.check_arrived("registry.ollama.ai")
        self.assertEqual(self.asked(), [("GET", "key")])
        wish = servers.tokens.asked[0][2]
        self.assertAlmostEqual(int(wish["ts"][0]), time.time(), delta=60)
        self.assertEqual(len(wish["nonce"]), 1)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_the_key_and_the_signature_of_a_real_ollama(self):
        """The stand-in takes what a real Ollama signs, and the key that it made is the one that opens here, too."""
        binary = ollama_peer.find()
        if not binary:
            self.skipTest("no Ollama here; ollama_peer.py build makes one")
        with unittest.mock.patch.dict(os.environ, SSL_CERT_FILE=servers._path("ca.pem"), NO_PROXY="localhost,127.0.0.1"):
            with ollama_peer.Peer(binary, os.path.join(self.machine.home, "store"), False) as server:
                keys = os.path.join(server.home, ".ollama")
                with open(keys + "/id_ed25519.pub", encoding="ascii") as file:
                    servers.tokens.keys.add(file.read().split()[1])
                with self.assertRaises(ollama_peer.Rejected):
                    server.command("pull", f"localhost:{servers.tokens.port}/acme/x")
                shutil.copytree(keys, os.path.join(self.machine.home, ".ollama"))
        self.assertEqual(self.asked(), [("GET", "key")], "the real one's")
        self.pull(self.SOURCE)
        self.assertEqual(self.asked(), [("GET", "key")] * 2)
        theirs, ours = (wish for _, _, wish, _ in servers.tokens.asked)
        self.assertEqual(set(ours), set(theirs))

    def test_without_a_key(self):
        self.refused("own", source=self.SOURCE, code=6, words=("refuses",), hint=("ollama signin",))
        self.assertEqual(self.asked(), [("GET", "")] * 2)

    def test_a_key_without_an_account(self):
        self.make_key()
        servers.tokens.keys.clear()
        self.refused("own", source=self.SOURCE, code=6, words=("not signed in",), hint=("ollama signin",))

    def test_a_key_that_is_of_no_use_is_told(self):
        for options, word in ((("-t", "ed25519", "-N", "a passphrase"), "encrypted"), (("-t", "rsa", "-b", "2048", "-N", ""), "no Ed25519")):
            path = self.make_key(*options)
            self.refused("own", source=self.SOURCE, code=6, words=(word, "id_ed25519"))
            os.unlink(path)
        self.assertEqual({account for _, account in self.asked()}, {""})

    def test_it_is_not_for_other_registries(self):
        self.make_key()
        self.refused("token", code=6, words=("refuses",))
        self.assertEqual({account for _, account in self.asked()}, {""})


class NameTest(RegistryCase):
    def test_a_host_and_a_name_are_understood(self):
        """Ollama's names have a namespace: "library" where none is said."""
        result = self.machine.run("plan", "--json", f"ollama:localhost:{servers.ports['open']}/tiny:1")
        self.assertEqual(result.returncode, 5, result.out)
        self.assertIn(f"localhost:{servers.ports['open']}/library/tiny:1", result.out)

    def test_an_address_that_ollama_has_no_name_for(self):
        result = self.machine.run("plan", "ollama:[fd00::5]:5000/a/b:1")
        self.assertEqual(result.returncode, 2)
        for word in ("no address in brackets", "NCMODEL_OLLAMA_REGISTRY="):
            self.assertIn(word, result.err)


if __name__ == "__main__":
    unittest.main()
