// quoted returns a text as an argument of a shell.
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// samples returns how programs see a multiplication, receive its result and multiply the same operands again.
export function samples(m, server) {
  const address = `${server}/v1/multiplications`;
  const operands = JSON.stringify({ a: { matrix_id: m.a.matrix_id }, b: { matrix_id: m.b.matrix_id } });
  return {
    cURL: `# with keys: -H "Authorization: Bearer $MILLRACE_TOKEN"
curl -s ${quoted(`${address}/${m.id}`)}
curl -s ${quoted(`${address}/${m.id}/result`)} -o C.npy

# the same operands again
curl -s ${quoted(address)} -H 'Content-Type: application/json' -d ${quoted(operands)}
`,
    CLI: `export MILLRACE_SERVER=${quoted(server)} # with keys: MILLRACE_TOKEN, too
millrace show ${m.id}
millrace result ${m.id} --output C.npy

# the same operands again
millrace multiply id:${m.a.matrix_id} id:${m.b.matrix_id} --output C.npy
`,
    Python: `import millrace

client = millrace.Client(${JSON.stringify(server)})  # with keys: token=…
future = client.future("${m.id}")
c = future.result()

# the same operands again
a = client.matrix("${m.a.matrix_id}")
b = client.matrix("${m.b.matrix_id}")
c = client.matmul(a, b)
`,
  };
}
