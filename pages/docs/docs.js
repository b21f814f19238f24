"use strict";

// The site may be below a path of its own: everything is relative to where this page is.
const root = new URL("..", location.href).href;

// Swagger UI fills the example of a parameter in: the digest of another body, the key of another request, a filter that
// nobody asked for, the id of nothing. It becomes a part of the parameter's description instead.
function leaveParametersEmpty(response) {
  if (response.url !== new URL("openapi.json", root).href || !response.ok) return response;
  const description = JSON.parse(response.text);
  for (const operation of Object.values(description.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) {
      if (parameter.example === undefined) continue;
      parameter.description += `\n\nFor example: \`${[parameter.example].flat().join(", ")}\``;
      delete parameter.example;
    }
  }
  response.text = response.data = JSON.stringify(description);
  response.body = response.obj = description;
  return response;
}

window.ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: new URL("openapi.json", root).href,
  responseInterceptor: leaveParametersEmpty,
  deepLinking: true,
  validatorUrl: null, // nobody else is asked whether the description is valid
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
