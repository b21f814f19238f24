"""Multiplications of all kinds of operands, compared with NumPy."""

import os
import tempfile
import threading
import unittest

import numpy as np

import millrace

from .server import Count, server


class MatmulTest(unittest.TestCase):
    def setUp(self):
        self.client = server().client()
        self.addCleanup(self.client.close)
        self.rng = np.random.default_rng(7)

    def check(self, a, b, dtype=np.float64):
        got = self.client.matmul(a, b)
        want = np.asarray(a, np.float64) @ np.asarray(b, np.float64)
        self.assertEqual((got.dtype, got.shape), (dtype, want.shape))
        np.testing.assert_allclose(got, want, rtol=1e-4 if dtype == np.float32 else 1e-10)
        self.assertTrue(got.flags.writeable)

    def test_lists(self):
        self.check([[1, 2], [3, 4]], [[5, 6], [7, 8]])

    def test_types(self):
        values = self.rng.integers(0, 2, (30, 40))
        for code in ("<f8", ">f8", "<f4", ">f4", "?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8"):
            with self.subTest(code):
                a = values.astype(code)
                self.check(a, a.T, np.float32 if code[1:] == "f4" else np.float64)
                self.check(a[:2, :2], a[:2, :2], np.float32 if code[1:] == "f4" else np.float64)

    def test_reuse(self):
        """The same multiplication has the result of before, unless that is refused."""
        a, b = self.rng.random((300, 1200)), self.rng.random((1200, 300))
        first = self.client.submit(a, b)  # a form
        want = first.result()
        stored = self.client.upload(a)
        for name, submit, reused in (
            ("again", lambda: self.client.submit(a, b), True),
            ("stored", lambda: self.client.submit(stored, b), True),
            ("many", lambda: self.client.submit_many([(stored, b)])[0], True),
            ("refused", lambda: self.client.submit(a, b, reuse=False), False),
            ("refused with an upload", lambda: self.client.submit(stored, b, reuse=False), False),
            ("many refused", lambda: self.client.submit_many([(stored, b)], reuse=False)[0], False),
        ):
            with self.subTest(name):
                future = submit()
                np.testing.assert_array_equal(future.result(), want)
                self.assertEqual(future.refresh().get("reused", False), reused)
        np.testing.assert_array_equal(self.client.matmul(a, b), want)  # which deletes what it has made
        np.testing.assert_array_equal(first.result(), want)

    def test_layouts(self):
        a = self.rng.random((300, 401))
        b = self.rng.random((401, 50))
        read_only = a.copy()
        read_only.flags.writeable = False
        layouts = {
            "C": a,
            "F": np.asfortranarray(a),
            "transposed": a.T.copy().T,
            "strided": np.repeat(a, 2, axis=1)[:, ::2],
            "reversed": a[::-1, ::-1],
            "broadcast": np.broadcast_to(a[0], (300, 401)),
            "read-only": read_only,
        }
        for name, layout in layouts.items():
            with self.subTest(name):
                before = layout.copy()
                self.check(layout, b)
                stored = self.client.upload(layout)
                np.testing.assert_array_equal(stored.numpy(), before)
                np.testing.assert_array_equal(layout, before)

    def test_empty(self):
        for m, k, n in ((0, 3, 2), (2, 0, 3), (2, 3, 0), (0, 0, 0)):
            with self.subTest((m, k, n)):
                self.check(np.zeros((m, k)), np.zeros((k, n)))
                self.assertEqual(self.client.upload(np.zeros((m, k))).numpy().shape, (m, k))

    def test_not_finite(self):
        a = np.array([[np.nan, 1.0], [np.inf, 2.0]])
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(self.client.matmul(a, np.eye(2)), a @ np.eye(2))

    def test_large(self):
        """Operands that are uploaded, and a result that is downloaded, leave nothing on the server."""
        a = self.rng.random((1100, 1000))
        count = Count(self.client)
        self.check(a, a.T)
        self.assertEqual(count(), 0)
        self.client.matmul(a, a.T, keep=True)
        self.assertEqual(count(), 1)

    def test_out(self):
        a = self.rng.random((400, 300))
        out = np.empty((400, 400))
        self.assertIs(self.client.matmul(a, a.T, out=out), out)
        np.testing.assert_allclose(out, a @ a.T)
        small = np.empty((2, 2))
        self.assertIs(self.client.matmul(np.eye(2), np.eye(2), out=small), small)
        np.testing.assert_array_equal(small, np.eye(2))
        for wrong in (np.empty((400, 300)), np.empty((400, 400), np.float32), np.empty((400, 800))[:, ::2]):
            with self.assertRaisesRegex(millrace.ShapeError, "out"):
                self.client.matmul(a, a.T, out=wrong)

    def test_files(self):
        a = self.rng.random((400, 300))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "A.npy")
            np.save(path, a)
            got = self.client.matmul(path, np.load(path, mmap_mode="r").T, out=os.path.join(folder, "C.npy"))
            self.assertIsInstance(got, np.memmap)
            np.testing.assert_allclose(np.load(os.path.join(folder, "C.npy")), a @ a.T)
            mapped = np.lib.format.open_memmap(os.path.join(folder, "D.npy"), "w+", np.float64, (400, 400))
            self.client.matmul(a, a.T, out=mapped)
            np.testing.assert_allclose(mapped, a @ a.T)
            self.client.matmul(a[:0], a.T, out=os.path.join(folder, "E.npy"))
            self.assertEqual(np.load(os.path.join(folder, "E.npy")).shape, (0, 400))
            self.assertEqual(sorted(os.listdir(folder)), ["A.npy", "C.npy", "D.npy", "E.npy"])
            np.savez(os.path.join(folder, "Z.npz"), a=a)
            with self.assertRaisesRegex(millrace.RequestError, "archive"):
                self.client.upload(os.path.join(folder, "Z.npz"))
            with open(os.path.join(folder, "T.npy"), "w", encoding="utf-8") as file:
                file.write("1,2\n3,4\n")
            with self.assertRaisesRegex(millrace.RequestError, "not a .npy file"):
                self.client.upload(os.path.join(folder, "T.npy"))

    def test_refused(self):
        eye = np.eye(2)
        cases = (
            (np.ones(2), millrace.ShapeError, "one dimension.*reshape"),
            (np.ones((2, 2, 2)), millrace.ShapeError, "3 dimensions"),
            (np.ones((2, 3)), millrace.ShapeError, "2×2 and b is 2×3|a is 2×3 and b is 2×2"),
            (eye.astype(complex), millrace.DTypeError, "complex.*a.real"),
            (eye.astype(np.float16), millrace.DTypeError, "float16.*astype"),
            (np.array([["a", "b"]]), millrace.DTypeError, "astype"),
            (np.array([[None, 1]]), millrace.DTypeError, "object"),
            (np.ma.masked_array(eye, eye > 0), millrace.DTypeError, "masked"),
            ([[1, 2], [3]], millrace.Error, ""),
            (np.array([[2**53 + 1, 0], [0, 1]]), millrace.DTypeError, "2⁵³"),
        )
        for operand, kind, text in cases:
            with self.subTest(text):
                with self.assertRaisesRegex(kind, text):
                    self.client.matmul(operand, eye)
        with self.assertRaises(ValueError):  # as NumPy says it
            self.client.matmul(np.ones((2, 3)), eye)
        with self.assertRaises(TypeError):
            self.client.matmul(eye.astype(complex), eye)

    def test_large_integers(self):
        """What the server refuses has its words."""
        a = np.zeros((200, 200), np.int64)
        a[3, 4] = 2**53 + 1
        with self.assertRaises(millrace.RequestError) as caught:
            self.client.matmul(a, a)
        self.assertEqual(caught.exception.status, 422)
        self.assertIn("9007199254740993", caught.exception.detail)

    def test_threads(self):
        results = {}

        def run(n):
            results[n] = [self.client.matmul(np.eye(3) * n, np.eye(3))[0, 0] for _ in range(5)]

        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {n: [n] * 5 for n in range(8)})

    def test_module(self):
        """The functions of the module use the server of the environment."""
        self.addCleanup(os.environ.update, dict(os.environ))
        os.environ.update(MILLRACE_SERVER=server().url, MILLRACE_TOKEN=server().token)
        np.testing.assert_array_equal(millrace.matmul(np.eye(2), np.eye(2)), np.eye(2))
        client = millrace.default_client()
        self.assertIs(client, millrace.default_client())
        self.assertEqual(millrace.submit(millrace.random(2, 2), np.eye(2)).result().shape, (2, 2))
        os.environ["MILLRACE_TOKEN"] = "mr_0000000000wrong"
        self.assertIsNot(client, millrace.default_client())
        with self.assertRaises(millrace.AuthenticationError):
            millrace.matmul(np.eye(2), np.eye(2))
