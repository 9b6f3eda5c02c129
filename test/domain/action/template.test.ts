import fc from 'fast-check';
import { fillTemplate, paramsIn, templateFault } from '../../../domain/action/template';
import { serviceSpec } from '../../support/manifest-objects';

const target = { resource: 'shop/web', spec: serviceSpec({ labels: { tier: 'front' } }) };
const source = { target, host: 'alpha', key: 'uuid/0', params: { by: 2, force: false } };

test.each([
  ['{target}', 'shop/web'],
  ['{namespace}/{name}', 'shop/web'],
  ['on {host}', 'on alpha'],
  ['{action_id}', 'uuid/0'],
  ['{metadata.tier}{metadata.tier}', 'frontfront'],
  ['{params.by}-{params.force}', '2-false'],
  ['{{target}}', '{target}'],
  ['{{{name}}}', '{web}'],
  ['no braces', 'no braces'],
  ['', ''],
])('%s becomes %s', (template, text) => {
  expect(templateFault(template, { hasAction: true })).toBeNull();
  expect(fillTemplate(template, source)).toEqual({ ok: true, text });
});

test.each([
  ['{metadata.none}', 'shop/web has nothing for {metadata.none}'],
  ['{params.constructor}', 'shop/web has nothing for {params.constructor}'],
  ['{metadata.__proto__}', 'shop/web has nothing for {metadata.__proto__}'],
])('%s has no value here', (template, message) => {
  expect(fillTemplate(template, source)).toEqual({ ok: false, message });
});

test.each([
  ['{taget}', 'the unknown placeholder {taget}; known: {target}'],
  ['{}', 'unknown placeholder {}'],
  ['{metadata}', 'unknown placeholder {metadata}'],
  ['{metadata.a b}', 'unknown placeholder {metadata.a b}'],
  ['{constructor}', 'unknown placeholder {constructor}'],
  ['{print $1}', 'write {{ and }} for braces'],
  ['a { b', 'a single "{"; write {{ for a brace'],
  ['a } b', 'a single "}"; write }} for a brace'],
])('%s is a fault of the template', (template, message) => {
  expect(templateFault(template, { hasAction: true })).toContain(message);
});

test('outside any action there is neither its id nor a parameter', () => {
  expect(templateFault('{action_id}', { hasAction: false })).toContain('unknown placeholder');
  expect(templateFault('{params.by}', { hasAction: false })).toContain('unknown placeholder');
  expect(templateFault('{host} {metadata.tier}', { hasAction: false })).toBeNull();
});

test('the parameters that a template uses are found', () => {
  expect(paramsIn('{params.by} {{params.no}} {metadata.x} {params.to}')).toEqual(['by', 'to']);
});

test('a value is put in to the letter, and never read as a template again', () => {
  fc.assert(
    fc.property(fc.string(), (note) => {
      const spec = serviceSpec({ labels: { note } });
      const given = { ...source, target: { ...target, spec } };
      expect(fillTemplate('<{metadata.note}>', given)).toEqual({ ok: true, text: `<${note}>` });
    }),
  );
});

test('what is doubled into a template comes out as it was', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const written = text.replaceAll('{', '{{').replaceAll('}', '}}');
      expect(templateFault(written, { hasAction: true })).toBeNull();
      expect(fillTemplate(written, source)).toEqual({ ok: true, text });
    }),
  );
});
