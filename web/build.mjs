// Builds the scripts of the pages: htmx as it is, and the parts of ECharts that charts.js draws with, in one file each.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = "../src/plait/serve/pages/static";

await build({
  entryPoints: ["charts.js"],
  bundle: true,
  minify: true,
  legalComments: "inline",
  target: "es2022",
  outfile: `${out}/charts.js`,
});
copyFileSync("node_modules/htmx.org/dist/htmx.min.js", `${out}/htmx.js`);
copyFileSync("page.js", `${out}/page.js`);

// What was built from what, so that a file changed by hand or a source not built shows.
const digest = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
const sources = ["charts.js", "page.js", "package.json", "build.mjs"];
const built = ["charts.js", "htmx.js", "page.js"];
writeFileSync(
  `${out}/built.json`,
  JSON.stringify(
    {
      sources: Object.fromEntries(sources.map((name) => [name, digest(name)])),
      built: Object.fromEntries(built.map((name) => [name, digest(`${out}/${name}`)])),
    },
    null,
    1,
  ) + "\n",
);
