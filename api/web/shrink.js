// A photo as small as a search needs it: a slow line carries it in seconds, and the server has
// less to decode. The network sees 224 pixels a side.

const SIDE = 1000;
const LIGHT_BYTES = 200_000;
const QUALITY = 0.9;

// The photo itself if it is light already, or of a kind that this browser does not read.
export async function shrink(photo) {
  if (photo.size <= LIGHT_BYTES) return photo;
  let bitmap;
  try {
    bitmap = await createImageBitmap(photo);
  } catch {
    return photo;
  }
  const small = await drawn(bitmap);
  bitmap.close();
  if (!small || small.size >= photo.size) return photo;
  return new File([small], photo.name || "pasted photo", { type: small.type });
}

function drawn(bitmap) {
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // what is transparent is white to the server too
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}
