"use strict";

// The site may be below a path of its own: everything is relative to where this page is.
const root = new URL("..", location.href).href;

// To the description the server is the root of its host. Swagger UI would send its requests there.
function nameServer(response) {
  if (response.url === new URL("openapi.json", root).href && response.ok) {
    const description = JSON.parse(response.text);
    description.servers = [{ url: root.replace(/\/$/, "") }];
    response.text = response.data = JSON.stringify(description);
    response.body = response.obj = description;
  }
  return response;
}

window.ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: new URL("openapi.json", root).href,
  responseInterceptor: nameServer,
  deepLinking: true,
  validatorUrl: null, // nobody else is asked whether the description is valid
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
