// Talks to the REST API. An answer is an object; a problem is thrown as one.

// Where the service lies: below a proxy's path as well.
export const BASE = new URL("..", import.meta.url);

export class Problem extends Error {
  constructor(body) {
    super(body.what);
    this.body = body;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, BASE), options);
  } catch (error) {
    if (options?.signal?.aborted) throw options.signal.reason;
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

export const samples = (count) => ask(`v1/samples?count=${count}`);
export const windows = () => ask("v1/windows");
export const ready = () => ask("readyz");

export function search(query, signal) {
  if (!(query.photo instanceof Blob)) {
    return ask("v1/search", {
      method: "POST",
      signal,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(query),
    });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(query)) {
    if (name === "photo") form.append("photo", value, value.name || "pasted photo");
    else form.append(name, value);
  }
  return ask("v1/search", { method: "POST", signal, body: form });
}

// An answer names a photo by the path that the settings tell; the page knows where it came from.
export const photo = (photoUrl) => new URL(photoUrl.slice(photoUrl.indexOf("/v1/photos/") + 1), BASE).href;

export const thumbnail = (photoUrl, size) => `${photo(photoUrl)}?size=${size}`;
