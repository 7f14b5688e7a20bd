// Talks to the REST API. An answer is an object; a problem is thrown as one.

export class Problem extends Error {
  constructor(body) {
    super(body.what);
    this.body = body;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem({
      what: "The service does not answer",
      found: "no connection",
      remedy: "Check that it runs: photosearch up",
    });
  }
  const body = await response.json().catch(() => ({
    what: `The service answered with status ${response.status}`,
  }));
  if (!response.ok) throw new Problem(body);
  return body;
}

export const samples = (count) => ask(`/v1/samples?count=${count}`);
export const windows = () => ask("/v1/windows");
export const ready = () => ask("/readyz");

export function search(query) {
  if (!(query.photo instanceof Blob)) {
    return ask("/v1/search", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(query),
    });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(query)) {
    if (name === "photo") form.append("photo", value, value.name || "pasted photo");
    else form.append(name, value);
  }
  return ask("/v1/search", { method: "POST", body: form });
}

export const thumbnail = (photoUrl, size) => `${photoUrl}?size=${size}`;
