// The server's addresses; all lie behind the token in this page's own address.

const HERE = new URL(".", document.baseURI);

/** An error answer: `status` (0: no answer at all), `data` with error and hint. */
export class Refusal extends Error {
  constructor(status, data) {
    super(data.error || `the server answered ${status}`);
    this.status = status;
    this.data = data;
  }
}

async function answered(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, HERE), options);
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refusal(0, { error: "the review does not answer" });
  }
  if (response.ok) return response;
  const data = await response.json().catch(() => ({}));
  throw new Refusal(response.status, data);
}

export async function get(path, options = {}) {
  return (await answered(path, options)).json();
}

export async function post(path, data) {
  const headers = { "Content-Type": "application/json" };
  return (await answered(path, { method: "POST", headers, body: JSON.stringify(data) })).json();
}

/** The source frame: the picture's address for an <img>, its real size, and a note. */
export async function frame(id, signal) {
  const response = await answered(`frame/${id}`, { signal });
  const size = ["X-Frame-Width", "X-Frame-Height"].map((name) => Number(response.headers.get(name)));
  const note = response.headers.get("X-Frame-Note") || "";
  return { address: URL.createObjectURL(await response.blob()), width: size[0], height: size[1], note };
}

export const thumbnail = (store, i) => `thumbnail/${store.id[i]}/${store.sha[i]}`;
export const picture = (store, i) => `picture/${store.id[i]}/${store.sha[i]}`;
