/** Strings whole, so that a NaN inside one is left alone; then the tokens JSON does not know. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

/**
 * JSON as some senders write it, Python's among them: bare NaN and Infinity become strings, so that
 * the sample that has one is named instead of the whole body being called no JSON. Throws SyntaxError.
 */
export function parseLenientJson(text: string): unknown {
  return JSON.parse(
    text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  );
}
