"use strict";

// A proxy may serve the site below a path of its own, so every URL is relative to this page.
const root = new URL("..", location.href).href;

// Swagger UI draws a response as one text, and becomes slow with long ones: it gets their beginning.
const MOST = 65536; // bytes
const STREAM_MS = 5000; // of a stream of events

const first = ["submit-multiplication", "get-multiplication", "get-result"];

// tidy puts what newcomers need first, and what helps to try it out.
function tidy(description) {
  description.info.description = introduce(description.info.description);
  description.servers = [{ url: root.replace(/\/$/, ""), description: "Where this page comes from" }];
  description.tags?.sort((a, b) => (b.name === "multiplications") - (a.name === "multiplications"));
  for (const operation of Object.values(description.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) leaveEmpty(parameter, operation);
    for (const response of Object.values(operation.responses ?? {})) npyFirst(response);
  }
}

// introduce folds up what the introduction says after its first section, and names this server in its examples.
function introduce(text) {
  const [begin, first, ...rest] = text.replaceAll("http://127.0.0.1:8080", root.replace(/\/$/, "")).split(/^(?=#+ )/m);
  const folded = rest.map((section) => {
    const [title, ...lines] = section.split("\n");
    return `<details><summary>${title.replace(/^#+ /, "")}</summary>\n\n${lines.join("\n").trim()}\n\n</details>\n\n`;
  });
  return [begin, first, ...folded].join("");
}

// Swagger UI would fill in the example of each parameter: the digest of another body, a used key, a filter, an unknown id.
// Move the examples to the descriptions of the parameters instead. A window of a result is small.
function leaveEmpty(parameter, operation) {
  if (parameter.example !== undefined) {
    parameter.description += `\n\nFor example: \`${[parameter.example].flat().join(", ")}\``;
    delete parameter.example;
  }
  const isContent = operation.responses?.["200"]?.content?.["application/x-npy"];
  if (isContent && parameter.in === "query" && ["rows", "cols"].includes(parameter.name)) parameter.example = "0:8";
}

function npyFirst(response) {
  const npy = response.content?.["application/x-npy"];
  if (npy) response.content = { "application/x-npy": npy, ...response.content };
}

function tidyResponse(response) {
  if (response.url !== new URL("openapi.json", root).href || !response.ok) return response;
  const description = JSON.parse(response.text);
  tidy(description);
  response.text = response.data = JSON.stringify(description);
  response.body = response.obj = description;
  return response;
}

// shortFetch is fetch whose texts are cut.
async function shortFetch(url, options) {
  const response = await fetch(url, options);
  const type = response.headers.get("Content-Type") ?? "";
  if (!response.body || !/json|text\//.test(type) || response.url.includes("/openapi")) return response;
  const reader = response.body.getReader();
  const parts = [];
  let length = 0;
  let cut = false;
  const late = type.startsWith("text/event-stream") ? setTimeout(() => { cut = true; reader.cancel(); }, STREAM_MS) : 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > MOST) {
      cut = true;
      reader.cancel();
      break;
    }
  }
  clearTimeout(late);
  const headers = new Headers(response.headers);
  let body = new Blob(parts);
  if (cut) {
    headers.set("Content-Type", "text/plain");
    const note = `\n\n… cut here: this page shows the first ${MOST / 1024} KiB, and ${STREAM_MS / 1000} seconds of a stream.\n`;
    body = new Blob([body.slice(0, MOST), note]);
  }
  const short = new Response([204, 205, 304].includes(response.status) ? null : body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  });
  Object.defineProperty(short, "url", { value: response.url });
  return short;
}

// sampleOf returns a call of an operation in three languages.
function sampleOf(path, method, operation) {
  const content = operation.getIn(["requestBody", "content", "application/json"]);
  const example = content?.get("example") ?? content?.get("examples")?.first()?.get("value");
  const body = example === undefined ? "" : JSON.stringify(example.toJS ? example.toJS() : example);
  const url = root.replace(/\/$/, "") + path;
  const verb = method.toUpperCase();
  const isNPY = Boolean(operation.getIn(["responses", "200", "content", "application/x-npy"]));
  const quoted = body.replaceAll("'", `'\\''`);
  return {
    cURL: `curl -s${verb === "GET" ? "" : ` -X ${verb}`} '${url}'` +
      (body ? ` \\\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'` : "") + (isNPY ? " -o C.npy" : ""),
    Python: `import urllib.request\n\nrequest = urllib.request.Request(${JSON.stringify(url)}, method="${verb}"` +
      (body ? `,\n    headers={"Content-Type": "application/json"},\n    data=${JSON.stringify(body)}.encode())` : ")") +
      `\nwith urllib.request.urlopen(request) as response:\n    content = response.read()`,
    Go: `request, err := http.NewRequest("${verb}", ${JSON.stringify(url)}, ${body ? `strings.NewReader(${JSON.stringify(body)})` : "nil"})\n` +
      `if err != nil {\n\treturn err\n}\n` + (body ? `request.Header.Set("Content-Type", "application/json")\n` : "") +
      `response, err := http.DefaultClient.Do(request)\nif err != nil {\n\treturn err\n}\ndefer response.Body.Close()`,
  };
}

// samplesPlugin shows the samples of an operation, and folds up its errors.
const samplesPlugin = () => ({
  wrapComponents: {
    responses: (Original, { React }) => (props) => {
      const e = React.createElement;
      const [, path, method] = props.specPath?.toJS?.() ?? [];
      const operation = props.specSelectors.specJson().getIn(["paths", path, method]);
      const samples = operation ? sampleOf(path, method, operation) : {};
      return e("div", null,
        e("details", { className: "samples" }, e("summary", null, "Samples: cURL, Python, Go"),
          ...Object.entries(samples).map(([name, text]) => e("div", { key: name }, e("h5", null, name), e("pre", null, text)))),
        e(Original, props));
    },
    response: (Original, { React }) => (props) => {
      const e = React.createElement;
      const [folded, setFolded] = React.useState(true);
      if (!/^[45]/.test(props.code) || props.isDefault) return e(Original, props);
      if (!folded) return e(Original, props);
      return e("tr", { className: "response folded" }, e("td", null, props.code),
        e("td", { colSpan: 2 }, e("button", { type: "button", className: "unfold", onClick: () => setFolded(false) },
          `${String(props.response?.get?.("description") ?? "Error").split("\n")[0]} …`)));
    },
  },
});

// order puts the operations that newcomers want first.
function order(a, b) {
  const place = (operation) => {
    const i = first.indexOf(operation.getIn(["operation", "operationId"]));
    return i < 0 ? first.length : i;
  };
  return place(a) - place(b);
}

window.ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: new URL("openapi.json", root).href,
  responseInterceptor: tidyResponse,
  requestInterceptor: (request) => {
    request.userFetch = shortFetch;
    return request;
  },
  operationsSorter: order,
  syntaxHighlight: { activated: false }, // it takes seconds for some thousand numbers
  deepLinking: true,
  validatorUrl: null, // do not send the description to the validator on swagger.io
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  plugins: [samplesPlugin],
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
