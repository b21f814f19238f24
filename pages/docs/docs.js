"use strict";

// A proxy may serve the site below a path of its own, so every URL is relative to this page.
const root = new URL("..", location.href).href;

// Swagger UI would fill in the example of each parameter: the digest of another body, a used key, a filter, an unknown id.
// Move the examples to the descriptions of the parameters instead.
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
  validatorUrl: null, // do not send the description to the validator on swagger.io
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
