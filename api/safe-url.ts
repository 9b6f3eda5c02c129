/** A URL for the log: whoever reads that must not be able to use what it carries. */
export function safeUrl(url: string): string {
  return url.replace(/([?&]token=)[^&#]*/g, '$1…');
}
