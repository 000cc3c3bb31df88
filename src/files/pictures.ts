/** What kind of picture some bytes are. */

interface PictureType {
  mediaType: string;
  /** How its first bytes look, one character each. */
  start: RegExp;
}

const TYPES: readonly PictureType[] = [
  { mediaType: "image/png", start: /^\x89PNG\r\n/ },
  { mediaType: "image/jpeg", start: /^\xff\xd8\xff/ },
  { mediaType: "image/webp", start: /^RIFF.{4}WEBP/s },
  { mediaType: "image/gif", start: /^GIF8[79]a/ },
  { mediaType: "image/avif", start: /^.{4}ftypavi[fs]/s },
];

/** The type of the picture that begins so; `undefined` for anything else. */
export function pictureTypeOf(start: string): string | undefined {
  return TYPES.find((type) => type.start.test(start))?.mediaType;
}

/** Whether it is one that {@link pictureTypeOf} tells from its bytes. */
export function isPictureType(mediaType: string): boolean {
  return TYPES.some((type) => type.mediaType === mediaType);
}

/** The extension of a picture's file name; the API's pictures are PNG unless they say otherwise. */
export function pictureExtension(mediaType: string | undefined): string {
  return /^image\/([a-z]+)(?:\+xml)?$/.exec(mediaType ?? "")?.[1]?.replace("jpeg", "jpg") ?? "png";
}
