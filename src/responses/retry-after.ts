/** For how long a server asks to be left alone, in seconds or until a date, in milliseconds; 0 where it does not. */
export function retryAfterMs(headers: Headers): number {
  const said = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now();
  return ms > 0 ? ms : 0;
}
