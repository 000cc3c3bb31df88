/** Recognizes the type of an image by its first bytes. */

interface PictureType {
  mediaType: string;
  /** Matches the image's first bytes, in a string that has one character for each byte. */
  start: RegExp;
}

const TYPES: readonly PictureType[] = [
  { mediaType: "image/png", start: /^\x89PNG\r\n/ },
  { mediaType: "image/jpeg", start: /^\xff\xd8\xff/ },
  { mediaType: "image/webp", start: /^RIFF.{4}WEBP/s },
  { mediaType: "image/gif", start: /^GIF8[79]a/ },
  { mediaType: "image/avif", start: /^.{4}ftypavi[fs]/s },
];

/**
 * Returns the media type of an image; `undefined` if the type is not recognized. `start` is the start of the image, with one
 * character for each byte.
 */
export function pictureTypeOf(start: string): string | undefined {
  return TYPES.find((type) => type.start.test(start))?.mediaType;
}

/** Returns whether {@link pictureTypeOf} can recognize images of this media type. */
export function isPictureType(mediaType: string): boolean {
  return TYPES.some((type) => type.mediaType === mediaType);
}

/**
 * Returns the file extension for the media type of an image. Returns `png`, the API's default format, for `undefined` and for
 * other media types.
 */
export function pictureExtension(mediaType: string | undefined): string {
  return /^image\/([a-z]+)(?:\+xml)?$/.exec(mediaType ?? "")?.[1]?.replace("jpeg", "jpg") ?? "png";
}
