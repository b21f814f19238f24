"""What breaks: connections, servers, keys, quotas."""

import os
import ssl
import subprocess
import shutil
import tempfile
import threading
import unittest

import numpy as np

import millrace
from millrace import _download
from millrace._progress import Bar

from .proxy import Proxy
from .server import Count, server, until


class ConnectionTest(unittest.TestCase):
    def setUp(self):
        self.proxy = Proxy(server().address)
        self.addCleanup(self.proxy.close)
        self.client = server().client(url=self.proxy.url)
        self.addCleanup(self.client.close)
        self.a = np.random.default_rng(1).random((800, 900))

    def test_download(self):
        """A download that breaks twice goes on where it was, and its digest is right."""
        m = self.client.upload(self.a)
        self.assertIsNotNone(m.digest)
        for out in (None, os.path.join(self.folder(), "C.npy")):
            self.client.transport.close()
            self.client.transport._closed = False
            self.proxy.cut_down[:] = [2_000_000, 2_000_000]
            self.proxy.requests.clear()
            np.testing.assert_array_equal(m.numpy(out), self.a)
            self.assertEqual((self.proxy.cut_down, len(self.proxy.requests)), ([], 3))

    def folder(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def test_download_without_ranges(self):
        """A download whose content has another tag begins anew."""
        m = self.client.upload(self.a)
        download = _download.Download(self.client, m.path + "/content")
        with self.assertRaises(millrace.UnreachableError):
            self.client.retry_for = 0
            self.client.transport.put(self.client.transport._take()[0], False)
            self.proxy.cut_down[:] = [2_000_000]
            download.run(Bar("download", False))
        self.assertGreater(download._done, 1_000_000)
        download._tag = '"another"'
        np.testing.assert_array_equal(download.run(Bar("download", False)), self.a)

    def test_damaged_on_the_way(self):
        m = self.client.upload(self.a)
        download = _download.Download(self.client, m.path + "/content")
        download._sum.update  # the sum is made anew with the header
        begin = download._begin

        def spoil(reply):
            begin(reply)
            download._sum.update(b"another byte")

        download._begin = spoil
        with self.assertRaises(millrace.DigestError):
            download.run(Bar("download", False))

    def test_upload(self):
        """An upload that breaks is sent again, and makes one matrix."""
        self.proxy.cut_up[:] = [3_000_000]
        m = self.client.upload(self.a)
        self.assertEqual(self.proxy.cut_up, [])
        np.testing.assert_array_equal(m.numpy(), self.a)

    def test_upload_goes_on(self):
        """A large upload that breaks goes on where it broke, and its digest is that of all."""
        a = np.random.default_rng(2).random((2048, 2048))
        cut = 28_000_000  # places to go on are 16 MiB apart at most
        for name, array in (("C", a), ("Fortran", np.asfortranarray(a))):
            with self.subTest(name):
                self.proxy.cut_up[:] = [cut]
                self.proxy.requests.clear()
                self.proxy.bytes_up = 0
                m = self.client.upload(array)
                self.assertEqual(self.proxy.cut_up, [])
                np.testing.assert_array_equal(m.numpy(), a)
                self.assertEqual([r.split()[0] for r in self.proxy.requests], ["POST", "PATCH", "HEAD", "PATCH", "GET"])
                self.assertLess(self.proxy.bytes_up, a.nbytes + cut - 8_000_000)

    def test_upload_lost_response(self):
        """The response to the last part is lost: the upload tells that it is complete."""
        self.proxy.lose = b"PATCH "
        m = self.client.upload(self.a)
        self.assertIsNone(self.proxy.lose)
        self.assertEqual([r.split()[0] for r in self.proxy.requests], ["POST", "PATCH", "HEAD", "GET"])
        np.testing.assert_array_equal(m.numpy(), self.a)

    def test_upload_to_older_server(self):
        """A server that does not know the fields of such uploads gets the file as a whole."""
        self.proxy.hide = b"Upload-"
        self.proxy.cut_up[:] = [3_000_000]
        m = self.client.upload(self.a)
        self.assertEqual([r.split()[0] for r in self.proxy.requests], ["POST"] * 3)
        np.testing.assert_array_equal(m.numpy(), self.a)

    def test_upload_given_up(self):
        """Nothing is left of an upload that is given up."""
        self.client.retry_for = 0
        self.proxy.cut_up[:] = [3_000_000]
        with self.assertRaises(millrace.UnreachableError):
            self.client.upload(self.a)
        self.assertEqual([r.split()[0] for r in self.proxy.requests], ["POST", "PATCH", "DELETE"])

    def test_lost_response(self):
        """A submission whose response is lost is repeated, and accepted once."""
        count = Count(self.client)
        self.proxy.lose = b"POST /v1/multiplications "
        np.testing.assert_array_equal(self.client.matmul(np.eye(2), np.eye(2)), np.eye(2))
        self.assertIsNone(self.proxy.lose)
        self.assertEqual(count(), 1)
        self.proxy.lose = b"POST /v1/multiplications:batch"
        futures = self.client.submit_many([(np.eye(2), np.eye(2))] * 5)
        self.assertEqual([f.result(60)[0, 0] for f in futures], [1] * 5)
        self.assertIsNone(self.proxy.lose)
        self.assertEqual(count(), 6)

    def test_lost_deletion(self):
        m = self.client.upload(self.a)
        self.proxy.lose = b"DELETE "
        m.delete()
        self.assertIsNone(self.proxy.lose)
        with self.assertRaises(millrace.NotFoundError):
            m.delete()

    def test_broken_events(self):
        self.proxy.lose = b"GET /v1/multiplications/"
        future = self.client.submit(millrace.random(900, 900), millrace.random(900, 900))
        self.assertEqual(future.result(60).shape, (900, 900))

    def test_kept(self):
        """Requests share a connection."""
        for _ in range(5):
            self.client.matmul(np.eye(2), np.eye(2))
        self.client.upload(self.a)
        self.client.overview()
        self.assertEqual(self.proxy.connections, 1)

    def test_restart(self):
        """A server that restarts in the middle loses nothing, and clients go on by themselves."""
        self.client.overview()
        side = millrace.random(6000, 6000, 1)
        running = self.client.submit(side, side)
        until("it has begun", lambda: running.status == "in_progress")
        server().stop()
        during = {}

        def multiply():
            during["result"] = self.client.matmul(np.eye(2), np.eye(2))

        thread = threading.Thread(target=multiply)
        thread.start()
        server().start()
        thread.join(60)
        np.testing.assert_array_equal(during["result"], np.eye(2))
        self.assertTrue(running.cancel())
        self.assertIsInstance(running.exception(60), millrace.CancelledError)

    def test_unreachable(self):
        with Proxy(server().address) as proxy:
            url = proxy.url
        with self.assertRaisesRegex(millrace.UnreachableError, "millrace dev") as caught:
            server().client(url=url).matmul(np.eye(2), np.eye(2))
        self.assertIsInstance(caught.exception, ConnectionError)
        for wrong in ("ftp://host", "http://", "http://user:secret@host"):
            with self.assertRaises(ValueError):
                millrace.Client(wrong)

    def test_not_millrace(self):
        ops = server().client(url=self.proxy.url + "/nothing")
        with self.assertRaises(millrace.NotFoundError):
            ops.matmul(np.eye(2), np.eye(2))

    def test_fork(self):
        """A process that was forked has connections of its own."""
        self.client.overview()
        child = os.fork()
        if child == 0:
            try:
                os._exit(int(self.client.matmul([[3]], [[1]])[0, 0]))
            finally:
                os._exit(99)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 3)
        self.assertEqual(self.client.matmul([[4]], [[1]])[0, 0], 4)


class AccessTest(unittest.TestCase):
    def test_tokens(self):
        wrong = server().client(token=server().token[:-4] + "0000")
        for operation in (lambda: wrong.matmul(np.eye(2), np.eye(2)), lambda: wrong.upload(np.ones((500, 500)))):
            with self.assertRaises(millrace.AuthenticationError) as caught:
                operation()
            self.assertEqual((caught.exception.status, caught.exception.code), (401, "invalid_token"))
            self.assertNotIn(server().token[14:-4], str(caught.exception))
        with self.assertRaises(millrace.AuthenticationError) as caught:
            server().client(token=None).overview()
        self.assertEqual(caught.exception.code, "authentication_required")
        with self.assertRaisesRegex(millrace.AuthenticationError, "without encryption"):
            millrace.Client("http://192.0.2.1", token="mr_0000000000x").overview()
        with self.assertRaises(ValueError):
            millrace.Client(token="a", token_file="b")

    def test_token_file(self):
        with tempfile.NamedTemporaryFile("w+", suffix=".token") as file:
            file.write("mr_0000000000wrong\n")
            file.flush()
            client = server().client(token=None, token_file=file.name)
            with self.assertRaises(millrace.AuthenticationError):
                client.overview()
            file.seek(0)
            file.write(server().token + "\n")
            file.flush()
            client.overview()
        self.assertTrue(server().client(token=lambda: server().token).overview())

    def test_scope(self):
        reader = server().client(token=server().key("default", "--scopes", "read"))
        self.assertTrue(reader.overview())
        with self.assertRaises(millrace.PermissionDeniedError) as caught:
            reader.matmul(np.eye(2), np.eye(2))
        self.assertEqual((caught.exception.status, caught.exception.code), (403, "insufficient_scope"))

    def test_quota(self):
        token = server().key("small")
        server().run("tenants", "set", "small", "--stored-bytes", "100000", "--requests", "1")
        client = server().client(token=token)
        until("the quota counts", lambda: self.is_refused(client))
        with server().client(token=token, retry_for=0) as hasty, self.assertRaises(millrace.QuotaError) as caught:
            while True:
                hasty.matmul(np.eye(2), np.eye(2))
        self.assertEqual((caught.exception.policies, caught.exception.retry_after), (["requests"], 1.0))
        client.matmul(np.eye(2), np.eye(2))  # waits for the seconds of Retry-After

    def is_refused(self, client):
        try:
            client.upload(np.ones((500, 500))).delete()
        except millrace.QuotaError as error:
            self.assertEqual((error.status, error.code, error.policies), (429, "quota_exceeded", ["stored-bytes"]))
            return True
        return False

    @unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificate")
    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            command += ["-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=test"]
            command += ["-addext", "subjectAltName=IP:127.0.0.1"]
            subprocess.run(command, check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            with Proxy(server().address, context) as proxy:
                with server().client(url=proxy.url, ca_file=cert) as client:
                    a = np.random.default_rng(1).random((500, 400))
                    np.testing.assert_allclose(client.matmul(a, a.T), a @ a.T)
                    m = client.upload(np.tile(a, (2, 1)))
                    np.testing.assert_array_equal(m.numpy()[500:], a)
                with server().client(url=proxy.url) as client, self.assertRaises(millrace.UnreachableError) as caught:
                    client.overview()
                self.assertIn("certificate", str(caught.exception).lower())
