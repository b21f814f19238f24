"""Futures: their states, and what the standard library does with them."""

import asyncio
import concurrent.futures
import io
import threading
import unittest

import numpy as np

import millrace
from millrace import _events, _watch
from millrace._progress import Bar

from .proxy import Proxy
from .server import WAIT_TIMEOUT, Count, server, until

# Operands of a multiplication that takes minutes, and little space: blocks are reserved for its result.
LONG = millrace.random(2000, 4_000_000, 1), millrace.random(4_000_000, 2000, 1)


class FutureTest(unittest.TestCase):
    def setUp(self):
        self.client = server().client()
        self.addCleanup(self.client.close)

    def test_result(self):
        a = np.random.default_rng(1).random((200, 100))
        called = threading.Event()
        future = self.client.submit(a, a.T, priority=1, retention_seconds=120)
        future.add_done_callback(lambda f: called.set())
        np.testing.assert_allclose(future.result(60), a @ a.T)
        self.assertTrue(called.wait(60))
        self.assertEqual((future.status, future.progress, future.shape), ("completed", 1.0, (200, 200)))
        self.assertEqual((future.done(), future.running(), future.cancelled()), (True, False, False))
        self.assertIsNone(future.exception())
        self.assertFalse(future.cancel())
        self.assertEqual(future.refresh()["priority"], 1)
        self.assertEqual(future.refresh()["retention_seconds"], 120)
        first = future.result()
        self.assertIs(future.result(), first)
        again = self.client.future(future.id)
        np.testing.assert_array_equal(again.result(), first)
        self.assertIn("completed", repr(again))
        self.assertIn("<progress", again._repr_html_())

    def test_chain(self):
        """A result is an operand of another multiplication, and is read in windows, without a download."""
        a = np.random.default_rng(2).random((150, 150))
        square = self.client.submit(a, a)
        cube = self.client.submit(square, a)
        np.testing.assert_allclose(cube.matrix()[-2:, 5], (a @ a @ a)[-2:, 5])

    def test_as_completed(self):
        futures = [self.client.submit(millrace.random(n, n), millrace.random(n, n)) for n in range(1, 30)]
        self.assertGreater(len(futures), _watch.MAX_STREAMS)
        done = {f.id for f in millrace.as_completed(futures, timeout=60)}
        self.assertEqual(done, {f.id for f in futures})
        self.assertEqual(len(millrace.wait(futures, 60).done), len(futures))

    def test_cancel(self):
        future = self.client.submit(*LONG)
        until("it has begun", lambda: future.status == "in_progress")
        self.assertTrue(future.running())
        with self.assertRaises(concurrent.futures.TimeoutError):
            future.result(0.01)
        self.assertTrue(future.cancel())
        with self.assertRaises(millrace.CancelledError):
            future.result(60)
        with self.assertRaises(concurrent.futures.CancelledError):
            future.result()
        self.assertTrue(future.cancelled() and future.done())
        until("its tiles have stopped, so that it can be retried", lambda: self.retried(future))
        again = self.client.future(future.id)
        self.assertFalse(again.done())
        self.assertTrue(again.cancel())

    def retried(self, future):
        try:
            return future.retry().id == future.id
        except millrace.ConflictError:
            return False

    def test_cancelled_elsewhere(self):
        future = self.client.submit(*LONG)
        with server().client() as other:
            self.assertTrue(other.future(future.id).cancel())
        self.assertIsInstance(future.exception(60), millrace.CancelledError)

    def test_timeout(self):
        """What matmul gives up is cancelled and deleted: nothing else has its id."""
        count = Count(self.client)
        with self.assertRaises(concurrent.futures.TimeoutError):
            self.client.matmul(*LONG, timeout=0.1)
        self.assertEqual(count(), 0)

    def test_failed(self):
        operand = self.client.upload(np.random.default_rng(3).random((700, 700)))
        server().damage(operand.id)
        future = self.client.submit(millrace.random(10, 700), operand)
        error = future.exception(60)
        self.assertIsInstance(error, millrace.FailedError)
        self.assertIn(operand.id, str(error))
        until("the attempt is noted", lambda: len(future.refresh()["errors"]) == 1)
        self.assertEqual(future.status, "failed")
        self.assertIn("damaged", future._repr_html_())
        with self.assertRaises(millrace.FailedError):
            self.client.matmul(millrace.random(10, 700), operand)
        with self.assertRaises(millrace.ServerError):
            operand.numpy()

    def test_deleted(self):
        a = np.random.default_rng(4).random((1100, 700))
        future = self.client.submit(a, a.T)
        future.matrix(60)
        uploads = future.uploads
        self.assertEqual(len(uploads), 2)
        future.delete()
        with self.assertRaises(millrace.NotFoundError):
            future.result()
        for matrix in uploads:
            with self.assertRaises(millrace.NotFoundError):
                matrix.numpy()
        future.delete()
        with self.assertRaises(LookupError):
            self.client.future(future.id)

    def test_closed(self):
        """A client that is closed leaves no future that never ends."""
        client = server().client()
        futures = [client.submit(*LONG), *client.submit_many([LONG])]
        client.close()
        for future in futures:
            with self.assertRaises(millrace.ClosedError):
                future.result(60)
        with self.assertRaises(millrace.ClosedError):
            client.matmul([[1]], [[1]])
        for future in futures:
            self.assertTrue(self.client.future(future.id).cancel())

    def test_without_events(self):
        """A proxy that holds events back does not hold up results."""
        self.addCleanup(setattr, _events, "SILENCE", _events.SILENCE)
        _events.SILENCE = 0.3
        with Proxy(server().address) as proxy, server().client(url=proxy.url) as client:
            proxy.hold = b"text/event-stream"
            future = client.submit(*LONG)
            self.addCleanup(self.client.future(future.id).cancel)
            until(
                "it polls", lambda: any("GET /v1/multiplications/" in r and "events" not in r for r in proxy.requests)
            )
            future.cancel()
            self.assertIsInstance(future.exception(60), millrace.CancelledError)

    def test_asyncio(self):
        a = np.random.default_rng(5).random((1100, 300))

        async def run():
            async with millrace.AsyncClient(server().url, token=server().token) as client:
                future = await client.submit(a, a.T)
                c, d = await asyncio.gather(future, client.matmul(np.eye(2), np.eye(2)))
                np.testing.assert_allclose(c, a @ a.T)
                np.testing.assert_array_equal(d, np.eye(2))
                mapped = [x async for x in client.map([a, np.eye(3)], [a.T, np.eye(3)])]
                np.testing.assert_allclose(mapped[0], a @ a.T)
                many = await client.submit_many([(np.eye(2), np.eye(2))] * 3)
                self.assertEqual(len(await asyncio.gather(*many)), 3)
                self.assertEqual((await client.upload(a)).shape, (1100, 300))
                with self.assertRaises(millrace.ShapeError):
                    await client.matmul(a, a)
                task = asyncio.ensure_future(client.matmul(*LONG))
                while not self.unfinished():
                    await asyncio.sleep(0.01)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                while self.unfinished():
                    await asyncio.sleep(0.01)

        until("what other tests have cancelled is over", lambda: not self.unfinished())
        asyncio.run(asyncio.wait_for(run(), WAIT_TIMEOUT))

    def unfinished(self):
        return self.client.call("GET", "/v1/multiplications?state=pending&state=in_progress")["items"]

    def test_bar(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        stream = Terminal()
        with Bar("upload", None, stream) as bar:
            bar.bytes(10, 20)
            self.assertEqual(stream.getvalue(), "")  # what is quick shows nothing
            bar._next = 0
            bar.bytes(10_000_000, 20_000_000)
        self.assertIn("upload [############............]  50 %, 10 of 20 MB", stream.getvalue())
        self.assertTrue(stream.getvalue().endswith("\r\x1b[K"))
        self.assertFalse(Bar("upload", None, io.StringIO()).enabled)
