// The API's page of documents, drawn from openapi.json: it needs nothing from the Internet.

import { BASE } from "./api.js";

const $ = (id) => document.getElementById(id);
const schema = await (await fetch(new URL("openapi.json", BASE))).json();

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

const named = (ref) => ref.split("/").pop();

function typeOf(property) {
  if (!property) return document.createTextNode("");
  if (property.$ref) {
    const link = element("a", "", named(property.$ref));
    link.href = `#${named(property.$ref)}`;
    return link;
  }
  const made = element("span");
  if (property.anyOf) {
    property.anyOf.forEach((one, i) => made.append(...(i ? [" or ", typeOf(one)] : [typeOf(one)])));
  } else if (property.enum) made.textContent = property.enum.map((one) => JSON.stringify(one)).join(", ");
  else if (property.const !== undefined) made.textContent = JSON.stringify(property.const);
  else if (property.type === "array") made.append("list of ", typeOf(property.items));
  else made.textContent = property.format ? `${property.type} (${property.format})` : property.type || "any";
  return made;
}

function table(properties, required = []) {
  const made = element("table", "cover-table docs-table");
  const body = made.createTBody();
  for (const [name, property] of Object.entries(properties)) {
    const row = body.insertRow();
    row.insertCell().append(element("code", "", name), required.includes(name) ? " *" : "");
    row.insertCell().append(typeOf(property));
    const words = property.description || "";
    const fallback = property.default ?? null;
    row.insertCell().textContent = fallback === null ? words : `${words} Default: ${fallback}.`.trim();
  }
  return made;
}

function example(title, value) {
  const box = element("details");
  box.append(element("summary", "", title), element("pre", "", JSON.stringify(value, null, 2)));
  return box;
}

function operation(method, path, described) {
  const box = element("section", "panel operation");
  const title = element("h2");
  title.append(element("span", `pill method ${method}`, method.toUpperCase()), " ", element("code", "", path));
  box.append(title, element("p", "", described.summary), element("p", "quiet", described.description || ""));
  if (described.parameters) {
    box.append(table(Object.fromEntries(described.parameters.map((one) => [one.name, { description: one.description, ...one.schema }]))));
  }
  for (const [type, content] of Object.entries(described.requestBody?.content || {})) {
    box.append(element("h3", "", type), table(content.schema.properties, content.schema.required));
    for (const one of Object.values(content.examples || {})) box.append(example(`Example: ${one.summary}`, one.value));
  }
  for (const [status, answer] of Object.entries(described.responses)) {
    const line = element("p");
    line.append(element("b", "", status), ` ${answer.description} `);
    for (const [type, content] of Object.entries(answer.content || {})) {
      line.append(typeOf(content.schema), ` (${type}) `);
      if (content.example) line.append(example("Example", content.example));
    }
    box.append(line);
  }
  return box;
}

$("description").textContent = schema.info.description.replaceAll("`", "").trim();
$("try").textContent = `curl -F photo=@photo.jpg ${BASE.href}v1/search`;
for (const [path, methods] of Object.entries(schema.paths)) {
  for (const [method, described] of Object.entries(methods)) $("operations").append(operation(method, path, described));
}
for (const [name, model] of Object.entries(schema.components.schemas)) {
  if (!model.properties) continue;
  const box = element("section", "panel operation");
  box.id = name;
  box.append(element("h3", "", name), element("p", "quiet", model.description || ""), table(model.properties, model.required));
  $("models").append(box);
}
