// Multiplies two matrices, as numbers and as .npy files, with types made from the description of the API:
// node submit.js http://127.0.0.1:8080
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

type Multiplication = components["schemas"]["Multiplication"];

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8080" });
const headers = { Prefer: "wait=30" };

// values returns the elements of a result that came with the response.
function values(m: Multiplication | undefined, error: components["schemas"]["Problem"] | undefined): number[][] {
  if (error !== undefined) throw new Error(error.detail);
  if (m?.result?.values === undefined) throw new Error(`no result: ${m?.state}`);
  return m.result.values;
}

// npy returns a square matrix as a .npy file.
function npy(rows: number[][]): Blob {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows.length}, ${rows.length}), }`;
  const head = new TextEncoder().encode("\x00NUMPY\x01\x00\x76\x00" + header.padEnd(117) + "\n");
  head[0] = 0x93;
  return new Blob([head, new Float64Array(rows.flat())], { type: "application/x-npy" });
}

const a = [[1, 2], [3, 4]];
const b = [[5, 6], [7, 8]];

const simple = await client.POST("/matrix_multiplication/", { params: { header: headers }, body: { A: a, B: b } });
console.log(JSON.stringify(values(simple.data, simple.error)));

const numbers = await client.POST("/v1/multiplications", {
  params: { header: headers },
  body: { a: { values: a }, b: { random: { rows: 2, cols: 1 } } },
});
console.log(values(numbers.data, numbers.error).length);

const files = await client.POST("/v1/multiplications", {
  params: { header: headers },
  body: { a: npy(a), b: npy(b) },
  bodySerializer: (body) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(body)) {
      form.append(name, value instanceof Blob ? value : JSON.stringify(value));
    }
    return form;
  },
});
console.log(JSON.stringify(values(files.data, files.error)));
