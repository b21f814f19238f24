"use strict";

// The site may be below a path of its own: everything is relative to where this page is.
const root = new URL("..", location.href).href;

window.ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: new URL("openapi.json", root).href,
  deepLinking: true,
  validatorUrl: null, // nobody else is asked whether the description is valid
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
