// Numbers as text, elements with text inside, and typed arrays out of base64.

function figure(value, digits = 5) {
  if (value === null || !Number.isFinite(value)) return "–";
  const fitted = Math.abs(value) >= 10 ** digits ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return new Intl.NumberFormat("en", fitted).format(value || 0).replace("-", "−");
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// The arrays are little-endian whatever the reader's machine is.
function integers(text, bytes) {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(raw.buffer);
  const read = bytes === 2 ? (at) => view.getInt16(at, true) : (at) => view.getInt32(at, true);
  return Array.from({ length: raw.length / bytes }, (_, place) => read(place * bytes));
}
