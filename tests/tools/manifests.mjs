// Checks Kubernetes manifests against the schemas of their resources, which come from npm.
//
// Each is checked twice. As a literal of its TypeScript type: so a field that the type does not
// have is an error anywhere in it, which no validator of schemas reports. And by the validator that
// was made of its schema: patterns, lengths, ranges. What it cannot see: the rules in CEL that a
// cluster evaluates, and what stands where the schema takes anything (`pluginConfig`, `value`), which
// other tests load into Envoy and into our own types.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const tools = join(root, ".tools/manifests");
const tool = createRequire(join(tools, "package.json"));
const ts = tool("typescript");
const yaml = tool("yaml");

// Places where a resource takes whatever it is given.
const OPEN = /\.(pluginConfig|value|config|matchLabels|environmentVariables|json)(\.|\[|$)|\.headers\.[^.]+$|^\.spec\.http\[\d+\]\.match\[\d+\]\.headers$/;

// A resource that Istio has had since 1.30, which is newer than the package. Its fields are those of
// a WasmPlugin; those that say which module stand under `wasm`.
const TRAFFIC_EXTENSION = `
  import type { IWasmPlugin } from "@kubernetes-models/istio/extensions.istio.io/v1alpha1";
  type Plugin = NonNullable<IWasmPlugin["spec"]>;
  type Module = "url" | "sha256" | "imagePullPolicy" | "imagePullSecret" | "verificationKey"
    | "pluginConfig" | "pluginName" | "failStrategy" | "vmConfig" | "type";
  type Where = "selector" | "targetRefs" | "match" | "phase" | "priority";
  type ITrafficExtension = Omit<IWasmPlugin, "kind" | "spec"> & {
    kind: "TrafficExtension";
    spec: Pick<Plugin, Where> & { wasm: Pick<Plugin, Module> };
  };`;

function packageOf(group) {
  if (group.endsWith(".istio.io")) return "istio";
  if (group === "gateway.networking.k8s.io") return "gateway-api";
  if (group === "gateway.envoyproxy.io") return "envoy-gateway";
  throw new Error(`no schemas of ${group} are known here`);
}

function moduleOf({ apiVersion }) {
  return `@kubernetes-models/${packageOf(apiVersion.split("/")[0])}/${apiVersion}`;
}

function read(files) {
  return files.flatMap((file) =>
    yaml.parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
      if (document.errors.length) throw new Error(`${file}: ${document.errors[0]}`);
      const manifest = document.toJS();
      const place = `${relative(root, file)}: ${manifest.kind} ${manifest.metadata?.name}`;
      return { place, manifest };
    }),
  );
}

// The literal of a manifest, with its type.
function source({ manifest }) {
  const type = manifest.kind === "TrafficExtension"
    ? TRAFFIC_EXTENSION
    : `import type { I${manifest.kind} } from "${moduleOf(manifest)}";`;
  return `${type}\nexport const manifest: I${manifest.kind} = ${JSON.stringify(manifest)};\n`;
}

// What the compiler has to say about each of these manifests.
function typed(documents) {
  const sources = new Map(documents.map((document, index) => [join(tools, `${index}.ts`), source(document)]));
  const options = {
    strict: true, noEmit: true, skipLibCheck: true, types: [],
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => sources.has(name)
    ? ts.createSourceFile(name, sources.get(name), version, true)
    : getSourceFile(name, version, ...rest);
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].map((name) => {
    const file = program.getSourceFile(name);
    return ts.getPreEmitDiagnostics(program, file).map((found) => {
      const text = ts.flattenDiagnosticMessageText(found.messageText, " ");
      return `at \`${path(file, found.start)}\`: ${text}`;
    });
  });
}

// Where in the literal something stands: `spec.wasm[0].code`.
function path(file, at) {
  let steps = "";
  const visit = (node) => {
    if (at < node.getStart(file) || at >= node.getEnd()) return;
    if (ts.isPropertyAssignment(node)) steps += `.${node.name.text}`;
    if (node.parent && ts.isArrayLiteralExpression(node.parent)) steps += `[${node.parent.elements.indexOf(node)}]`;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return steps.slice(1);
}

// What the validator made of the schema has to say.
async function validated({ manifest }) {
  if (manifest.kind === "TrafficExtension") return [];
  const entry = join(tools, "node_modules", moduleOf(manifest), "index.js");
  const model = (await import(pathToFileURL(entry)))[manifest.kind];
  if (!model) return [`there is no ${manifest.kind} in ${manifest.apiVersion}`];
  try {
    new model(manifest).validate();
    return [];
  } catch (error) {
    return [error.message];
  }
}

// The same manifest with one more field in one of its objects, for each of them.
function* broken({ place, manifest }) {
  function* objects(value, at) {
    if (value === null || typeof value !== "object" || OPEN.test(at)) return;
    if (!Array.isArray(value)) yield at;
    for (const [key, inner] of Object.entries(value)) {
      yield* objects(inner, Array.isArray(value) ? `${at}[${key}]` : `${at}.${key}`);
    }
  }
  for (const at of objects(manifest, "")) {
    const copy = structuredClone(manifest);
    const steps = at.split(/[.[\]]+/).filter(Boolean);
    steps.reduce((value, step) => value[step], copy).misspelt = true;
    yield { place: `${place}: at \`${at.slice(1)}\``, manifest: copy };
  }
}

const folders = ["envoy/istio", "envoy/envoy-gateway"].map((folder) => join(root, folder));
const shipped = folders.flatMap((folder) =>
  readdirSync(folder).filter((name) => name.endsWith(".yaml")).map((name) => join(folder, name)));
const asked = process.argv.slice(2).map((file) => resolve(file));
const documents = read(asked.length ? asked : shipped);
let failures = 0;
const fail = (text) => {
  failures += 1;
  console.error(text);
};
const types = typed(documents);
for (const [index, document] of documents.entries()) {
  const found = [...types[index], ...(await validated(document))];
  found.forEach((text) => fail(`${document.place}: ${text}`));
}
if (!asked.length) {
  const wrong = documents.flatMap((document) => [...broken(document)]);
  typed(wrong).forEach((found, index) => {
    if (!found.length) fail(`${wrong[index].place}: a field that is not known would pass`);
  });
  if (!failures) console.log(`manifests: ${documents.length} are valid; ${wrong.length} with a field too many are not`);
}
process.exit(failures ? 1 : 0);
