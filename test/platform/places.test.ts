import { createPlaces } from '../../platform/places';

/** Work that ends when it is told to; `begun` in the order in which it got its place. */
function bench(given: { total: number; share: number }) {
  const places = createPlaces(given);
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  return {
    begun,
    ask: (name: string): Promise<void> => {
      const [kind = ''] = name;
      return places(kind, () => {
        begun.push(name);
        return new Promise((resolve, reject) => {
          ends.set(name, (error) => {
            if (error === undefined) resolve();
            else reject(error);
          });
        });
      });
    },
    end: (name: string, error?: Error) => ends.get(name)?.(error),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a kind has no more than its share, and others go past what waits for it', async () => {
  const { ask, end, begun } = bench({ total: 3, share: 2 });
  const all = ['a1', 'a2', 'a3', 'b1', 'b2'].map(ask);
  await settled();
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  end('b1');
  await settled();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
  end('a2');
  await settled();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
  for (const name of ['a1', 'a3', 'b2']) end(name);
  await Promise.all(all);
});

test('a place that was left is given to whoever waited, and work that fails leaves it, too', async () => {
  const { ask, end, begun } = bench({ total: 1, share: 1 });
  const first = ask('a1');
  const second = ask('b1');
  await settled();
  end('a1', new Error('no'));
  const third = ask('c1');
  await expect(first).rejects.toThrow('no');
  await settled();
  expect(begun).toEqual(['a1', 'b1']);
  end('b1');
  await second;
  await settled();
  expect(begun).toEqual(['a1', 'b1', 'c1']);
  end('c1');
  await third;
});
