import type { Change } from '../../../domain/drift/change';
import { createHints, type Hint, type Hints } from '../../../activities/attribution/hints';

let hints: Hints;
beforeEach(() => {
  hints = createHints();
});

function change(pointer: string): Change {
  return { pointer, kind: 'changed', desired: 1, observed: 2, severity: 'warning' };
}

function hint(pointer: string, what: string, at: number): Hint {
  return {
    covers: (one) => one === pointer,
    attribution: { from: 'event', by: null, at, what },
  };
}

function whats(resource: string, ...pointers: string[]): Record<string, string> {
  const found = hints.explain(resource, pointers.map(change));
  return Object.fromEntries(Object.entries(found).map(([pointer, { what }]) => [pointer, what]));
}

it('explains what it covers, of its own resource, by what was told last', () => {
  hints.tell('a', hint('/running', 'was killed', 1));
  hints.tell('a', hint('/running', 'was stopped', 2));
  hints.tell('a', hint('/env/A', 'was made', 3));
  expect(whats('a', '/running', '/image')).toEqual({ '/running': 'was stopped' });
  expect(whats('b', '/running')).toEqual({});
});

it('keeps an explanation as long as the difference lasts, and no longer', () => {
  hints.tell('a', hint('/running', 'was stopped', 1));
  expect(whats('a', '/running')).toEqual({ '/running': 'was stopped' });
  hints.settle('a', 5);
  hints.tell('a', hint('/running', 'was removed', 9));
  expect(whats('a', '/running')).toEqual({ '/running': 'was stopped' });
  hints.settle('a', 10);
  expect(whats('a')).toEqual({});
  expect(whats('a', '/running')).toEqual({});
});

it('recalls what explained a difference before, and knows better what it was told here', () => {
  const recalled = hint('/running', 'was stopped', 1).attribution;
  hints.tell('a', hint('/image', 'was made anew', 3));
  expect(whats('a', '/image')).toEqual({ '/image': 'was made anew' });
  hints.recall('a', { '/running': recalled, '/image': recalled });
  expect(whats('a', '/running', '/image')).toEqual({
    '/running': 'was stopped',
    '/image': 'was made anew',
  });
  expect(whats('a', '/image')).toEqual({ '/image': 'was made anew' });
  expect(whats('a', '/running')).toEqual({});
});

it('what explained nothing by the next look explains nothing later', () => {
  hints.tell('a', hint('/running', 'was restarted', 1));
  hints.tell('a', hint('/running', 'was stopped', 8));
  hints.settle('a', 5);
  expect(whats('a', '/running')).toEqual({ '/running': 'was stopped' });
});

it('an action explains away what a runtime told, and not who changed the manifest', () => {
  const { attribution, ...image } = hint('/image', 'changed in revision 2', 1);
  hints.tell('a', { ...image, attribution: { ...attribution, from: 'git' } });
  hints.tell('a', hint('/running', 'was stopped', 1));
  hints.settle('a', 5, 'event');
  expect(whats('a', '/image', '/running')).toEqual({ '/image': 'changed in revision 2' });
});
