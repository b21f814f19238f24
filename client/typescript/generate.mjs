// Prints the types of the API in a description: node generate.mjs openapi.yaml >api.d.ts
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const blob = ts.factory.createTypeReferenceNode("Blob");

// Without the transform the files of a form are strings.
const types = await openapiTS(pathToFileURL(process.argv[2]), {
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
process.stdout.write(astToString(types));
