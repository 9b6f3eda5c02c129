import fc from 'fast-check';
import { createOutputCapture, firstLines, lastLines, redact } from '../../platform/output-capture';

function captured(chunks: readonly Buffer[], limit: number, secrets: readonly string[] = []) {
  const capture = createOutputCapture(limit);
  for (const chunk of chunks) capture.push(chunk);
  return capture.captured(secrets);
}

const bytes = fc
  .array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
  .map((chunks) => chunks.map((chunk) => Buffer.from(chunk.map((byte) => 97 + (byte % 3)))));

describe('what is kept of an output', () => {
  it('is all of it up to the limit, and beyond it the first and the last half', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 40 }), (chunks, half) => {
        const all = Buffer.concat(chunks).toString('latin1');
        const { text, totalBytes, leftOutBytes } = captured(chunks, 2 * half);
        const gap = Math.max(0, all.length - 2 * half);
        const expected =
          gap === 0 ? all : `${all.slice(0, half)}\n… ${gap} bytes left out …\n${all.slice(-half)}`;
        expect({ text, totalBytes, leftOutBytes }).toEqual({
          text: expected,
          totalBytes: all.length,
          leftOutBytes: gap,
        });
      }),
    );
  });

  it('shows no secret, however the output was cut into chunks and at its limit', () => {
    const secret = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(bytes, secret, fc.integer({ min: 1, max: 20 }), (chunks, hidden, half) => {
        const all = Buffer.concat(chunks).toString('latin1');
        const { text, leftOutBytes } = captured(chunks, 2 * half, [hidden]);
        const [start = '', end = ''] = leftOutBytes === 0 ? [text] : text.split(/\n.*\n/);
        expect(start).not.toContain(hidden);
        expect(end).not.toContain(hidden);
        if (leftOutBytes === 0) return;
        // A secret that began before the gap, or ended after it, left no part of itself there.
        for (let at = half - hidden.length + 1; at < half; at++) {
          if (at >= 0 && all.startsWith(hidden, at)) expect(start.endsWith('***')).toBe(true);
        }
        const from = all.length - half;
        for (let at = from - hidden.length + 1; at < from; at++) {
          if (at >= 0 && all.startsWith(hidden, at)) expect(end.startsWith('***')).toBe(true);
        }
      }),
    );
  });

  it('hides secrets that overlap each other', () => {
    expect(redact('xabcdx', ['abc', 'bcd'])).toBe('x***x');
    expect(redact('abab', ['ab'])).toBe('***');
    expect(redact('nothing', ['', 'zzz'])).toBe('nothing');
  });

  it('hides the lines of a secret of several lines', () => {
    const key = '-----BEGIN-----\nMIIEabcdef\n-----END-----';
    expect(redact('line MIIEabcdef!', [key])).toBe('line ***!');
    expect(redact(key, [key])).toBe('***');
  });

  it('reads UTF-8 whole where it was cut in two by chunks', () => {
    const text = 'größer — ✓';
    const chunks = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
    expect(captured(chunks, 1000).text).toBe(text);
  });
});

describe('lines of an output', () => {
  it('are the first and last that say something, without control characters', () => {
    const text = 'one\r\n\n\u001b[31mtwo\u0000\n three \n\n';
    expect(firstLines(text, 2)).toEqual(['one', '[31mtwo']);
    expect(lastLines(text, 1)).toEqual([' three']);
    expect(lastLines('', 3)).toEqual([]);
  });

  it('are cut to a length', () => {
    expect(lastLines('abcdef', 1, 3)).toEqual(['abc']);
  });
});
