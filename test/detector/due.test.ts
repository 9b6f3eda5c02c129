import fc from 'fast-check';
import { createDueTimes } from '../../detector/due';

test('an item comes back at the time that was set last, never before and never twice', () => {
  const operation = fc.oneof(
    fc.record({ item: fc.nat(5), at: fc.option(fc.nat(50), { nil: null }) }),
    fc.record({ advance: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const due = createDueTimes<number>();
      const model = new Map<number, number>();
      let now = 0;
      for (const step of operations) {
        if ('item' in step) {
          due.set(step.item, step.at);
          if (step.at === null) model.delete(step.item);
          else model.set(step.item, step.at);
        } else {
          now += step.advance;
          const expected = [...model].filter(([, at]) => at <= now).map(([item]) => item);
          for (const item of expected) model.delete(item);
          expect(due.take(now).sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
        }
        const next = due.next();
        const earliest = Math.min(...model.values());
        if (model.size > 0) expect(next ?? Infinity).toBeLessThanOrEqual(earliest);
      }
    }),
  );
});

test('moving an item on and on keeps one entry of it', () => {
  const due = createDueTimes<string>();
  for (let at = 10; at < 1000; at += 1) due.set('web', at);
  expect(due.next()).toBe(10);
  expect(due.take(500)).toEqual([]);
  expect(due.next()).toBe(999);
  expect(due.take(999)).toEqual(['web']);
  expect(due.next()).toBeNull();
});
