"""Matrices on the server, windows of them, and many multiplications at once."""

import unittest

import numpy as np

import millrace
from millrace import _npy

from .server import server


class MatrixTest(unittest.TestCase):
    def setUp(self):
        self.client = server().client()
        self.addCleanup(self.client.close)
        self.a = np.random.default_rng(1).random((130, 90))

    def test_windows(self):
        m = self.client.upload(self.a)
        s = slice
        keys = (0, -1, s(0, 8), (s(0, 8), s(0, 8)), (3, 4), (-130, -1), (s(None), 5), (s(5, 2), s(0, 3)), (Ellipsis, 3))
        keys += (
            (s(None, None, -1), s(80, 10, -3)),
            (s(1, 100, 7), s(-5, None)),
            (s(100, 999), 0),
            np.int64(2),
            Ellipsis,
        )
        for key in keys:
            with self.subTest(key):
                got, want = m[key], self.a[key]
                np.testing.assert_array_equal(got, want)
                self.assertEqual(np.shape(got), np.shape(want))
        for key in (130, (0, 90), (0, 0, 0)):
            with self.subTest(key), self.assertRaises(IndexError):
                m[key]
        for key in ([1, 2], True, None, self.a > 0, "a"):
            with self.assertRaises(TypeError):
                m[key]

    def test_matrix(self):
        m = self.client.upload(self.a.astype(np.float32))
        self.assertEqual(
            (m.shape, m.dtype, m.nbytes, m.ndim, m.size, len(m)), ((130, 90), np.float32, 46800, 2, 11700, 130)
        )
        self.assertEqual(np.asarray(m, np.float64).dtype, np.float64)
        self.assertIn(m.id, repr(m))
        self.assertIn("130 × 90 float32", m._repr_html_())
        same = self.client.matrix(m.id)
        self.assertEqual((same.digest, same.shape), (m.digest, m.shape))
        self.assertIs(self.client.upload(m), m)
        self.assertEqual(next(self.client.matrices("upload")).id, m.id)
        self.assertIn(m.id, [listed.id for listed in self.client.matrices()])
        np.testing.assert_array_equal(self.client.matmul(m, np.eye(90, dtype=np.float32)), m.numpy())
        for operand in (self.a, self.a[:2, :2]):  # in a form, and as numbers
            with self.assertRaises(millrace.Error) as caught:
                self.client.submit(operand, operand.T, webhook="https://example.com/hooks?run=17")
            self.assertIn("only_named", str(caught.exception))
        with self.assertRaises(TypeError):
            self.a.T @ m
        m.delete()
        with self.assertRaises(millrace.NotFoundError) as caught:
            m.delete()
        self.assertEqual(caught.exception.status, 404)

    def test_random(self):
        r = millrace.random(50, 40, seed=3, dtype=np.float32)
        stored = self.client.upload(r).numpy()
        self.assertEqual((r.shape, stored.shape, stored.dtype), ((50, 40), (50, 40), np.float32))
        np.testing.assert_allclose(self.client.matmul(r, np.eye(40)), stored, rtol=1e-6)
        self.assertTrue((stored >= 0).all() and (stored < 1).all() and stored.std() > 0.2)
        with self.assertRaises(millrace.DTypeError):
            millrace.random(1, 1, dtype="int64")
        with self.assertRaises(millrace.ShapeError):
            millrace.random(-1, 1)

    def test_headers(self):
        """The bytes before the elements are those of np.save, which the digests need."""
        for shape in ((0, 0), (2, 2), (1, 10**9), (123456789012, 3), (10**15, 10**15)):
            head = _npy.header(shape, "<f8", False)
            chunks = iter([head[:10], head[10:]])
            self.assertEqual(_npy.read_header(lambda n: next(chunks)), (head, shape, np.dtype(np.float64)))
            self.assertEqual(len(head) % 64, 0)
        m = self.client.upload(self.a)
        body = _npy.ArrayBody(self.a)
        for _ in body.chunks():
            pass
        self.assertEqual(body.digest, m.digest)

    def test_no_copy(self):
        """What is sent is the memory of the array itself."""
        for array in (self.a, np.asfortranarray(self.a)):
            blocks = list(_npy.ArrayBody(array).chunks())[1:]
            shares = [np.shares_memory(np.frombuffer(block, np.uint8), array) for block in blocks]
            self.assertEqual(shares, [True])


class BatchTest(unittest.TestCase):
    def setUp(self):
        self.client = server().client()
        self.addCleanup(self.client.close)

    def test_submit_many(self):
        large = np.random.default_rng(1).random((120, 120))
        single = np.ones((2, 2), np.float32)
        pairs = [(np.eye(2) * n, np.eye(2)) for n in range(50)]
        pairs += [
            (large, large),
            (single, single),
            (np.ones((2, 3)), np.eye(2)),
            ([[np.nan]], [[1]]),
            (np.ones(3), single),
        ]
        futures = self.client.submit_many(pairs, priority=3)
        self.assertEqual(len({f.id for f in futures}), 54)  # two have none
        for n, future in enumerate(futures[:50]):
            np.testing.assert_array_equal(future.result(60), np.eye(2) * n)
        np.testing.assert_allclose(futures[50].result(60), large @ large)
        self.assertEqual(futures[51].result(60).dtype, np.float32)
        self.assertTrue(np.isnan(futures[53].result(60))[0, 0])
        for n, text in ((52, "columns of a"), (54, "one dimension")):
            self.assertTrue(futures[n].done())
            with self.assertRaisesRegex(millrace.ShapeError, text):
                futures[n].result()
        self.assertEqual(futures[0].refresh()["priority"], 3)
        (kept,) = self.client.submit_many([(single, single)], retention_seconds=90)
        self.assertEqual(kept.refresh()["retention_seconds"], 90)
        self.assertEqual(self.client.submit_many([]), [])

    def test_refused_by_server(self):
        with server().client() as client:
            gone = client.upload(np.eye(2))
            gone.delete()
            futures = client.submit_many([(gone, np.eye(2)), (np.eye(2), np.eye(2))])
            with self.assertRaisesRegex(millrace.RequestError, gone.id) as caught:
                futures[0].result(60)
            self.assertEqual(caught.exception.status, 422)
            np.testing.assert_array_equal(futures[1].result(60), np.eye(2))

    def test_in_bucket(self):
        with self.assertRaisesRegex(millrace.PermissionDeniedError, "s3-allow") as caught:
            self.client.in_bucket("data", "inputs/a.npy")
        self.assertEqual(caught.exception.code, "object_not_allowed")
        for side in (np.eye(3), np.eye(200)):  # numbers, and what would be a form
            with self.assertRaisesRegex(millrace.PermissionDeniedError, "s3-allow") as caught:
                self.client.submit(side, side, output=("data", "results/c.npy"))
            self.assertEqual(caught.exception.code, "object_not_allowed")

    def test_map(self):
        a = np.random.default_rng(2).random((70, 5, 4))
        b = np.random.default_rng(3).random((70, 4, 6))
        got = np.array(list(self.client.map(a, b, chunk=20)))
        np.testing.assert_allclose(got, a @ b)
        results = self.client.map([np.eye(2), np.ones((2, 3)), np.eye(2)], [np.eye(2)] * 3, chunk=1)
        np.testing.assert_array_equal(next(results), np.eye(2))
        with self.assertRaises(millrace.ShapeError):
            next(results)

    def test_map_is_lazy(self):
        taken = []

        def endless():
            while True:
                taken.append(None)
                yield np.eye(2)

        results = self.client.map(endless(), endless(), chunk=10)
        np.testing.assert_array_equal(next(results), np.eye(2))
        self.assertLess(len(taken), 100)
        results.close()
