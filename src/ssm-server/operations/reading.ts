import { z } from 'zod';
import { grantExpressions } from '../../core/path-grant.js';
import type { Found, ParameterVersion } from '../../ports/parameters.js';
import { historyOf, metadataOf, parameterOf } from '../answer.js';
import { type Operation, notFound } from '../call.js';
import { describeFilter, pathFilter } from '../filters.js';
import { maxResults, nextToken, parameterName, readInput } from '../input.js';
import { readToken, tokenOf } from '../next-token.js';
import { WireError } from '../wire-error.js';

const decrypt = z.boolean().nullish();

const getInput = z.object({ Name: parameterName, WithDecryption: decrypt });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html */
export const getParameter: Operation = {
  async run(call, given) {
    const { Name, WithDecryption } = readInput(getInput, given);
    const { path, selector } = call.named(Name, 'read');
    const [found = 'missing'] = await call.parameters.read(call.environment, [{ path, selector }]);
    const version = orError(found);
    call.gave([version]);
    const asked = selectorOf(Name);
    return {
      Parameter: await parameterOf(call, version, {
        decrypt: WithDecryption === true,
        ...(asked === undefined ? {} : { selector: asked }),
      }),
    };
  },
};

const getManyInput = z.object({ Names: z.array(parameterName).min(1).max(10), WithDecryption: decrypt });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html */
export const getParameters: Operation = {
  async run(call, given) {
    const { Names, WithDecryption } = readInput(getManyInput, given);
    const names = [...new Set(Names)];
    const asked = names.map((name) => call.named(name, 'read'));
    const found = await call.parameters.read(call.environment, asked);
    call.ended(
      found.map((each, index) =>
        typeof each === 'string'
          ? { path: asked[index]?.path ?? '', version: null, outcome: missingNames[each] }
          : { path: each.path, version: each.version },
      ),
    );
    const answers = await Promise.all(
      found.map(async (each, index) => {
        if (typeof each === 'string') return null;
        const selector = selectorOf(names[index] ?? '');
        return parameterOf(call, each, {
          decrypt: WithDecryption === true,
          ...(selector === undefined ? {} : { selector }),
        });
      }),
    );
    return {
      InvalidParameters: names.filter((_, index) => answers[index] === null),
      Parameters: answers.filter((each) => each !== null),
    };
  },
};

const byPathInput = z.object({
  Path: parameterName,
  Recursive: z.boolean().nullish(),
  ParameterFilters: pathFilter,
  WithDecryption: decrypt,
  MaxResults: maxResults(10),
  NextToken: nextToken,
});

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html */
export const getParametersByPath: Operation = {
  async run(call, given) {
    const input = readInput(byPathInput, given);
    const path = call.path(input.Path);
    const found = await call.parameters.list(
      call.environment,
      {
        visible: grantExpressions(call.caller.key.grants, 'read'),
        below: { path, recursive: input.Recursive === true },
        ...input.ParameterFilters,
      },
      { after: readToken(input.NextToken, 'string'), limit: input.MaxResults + 1 },
    );
    const page = found.slice(0, input.MaxResults);
    call.gave(page);
    return {
      ...nextOf(found, page, ({ path: last }) => last),
      Parameters: await Promise.all(
        page.map((version) => parameterOf(call, version, { decrypt: input.WithDecryption === true })),
      ),
    };
  },
};

const historyInput = z.object({
  Name: parameterName,
  WithDecryption: decrypt,
  MaxResults: maxResults(50),
  NextToken: nextToken,
});

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html */
export const getParameterHistory: Operation = {
  async run(call, given) {
    const { Name, WithDecryption, MaxResults, NextToken } = readInput(historyInput, given);
    const { path } = call.plain(Name, 'read');
    const page = { after: readToken(NextToken, 'number'), limit: MaxResults + 1 };
    const found = await call.parameters.history(call.environment, path, page);
    if (found === null) throw notFound();
    const versions = found.slice(0, MaxResults);
    call.gave(versions);
    return {
      ...nextOf(found, versions, ({ version }) => version),
      Parameters: await Promise.all(versions.map((version) => historyOf(call, version, WithDecryption === true))),
    };
  },
};

const describeInput = z.object({
  Filters: z.unknown().optional(),
  ParameterFilters: z.unknown().optional(),
  MaxResults: maxResults(50),
  NextToken: nextToken,
});

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html */
export const describeParameters: Operation = {
  async run(call, given) {
    const input = readInput(describeInput, given);
    const visible = grantExpressions(call.caller.key.grants, 'read');
    if (visible.length === 0) call.allow('read', '/*');
    const found = await call.parameters.list(
      call.environment,
      { visible, ...describeFilter(input) },
      { after: readToken(input.NextToken, 'string'), limit: input.MaxResults + 1 },
    );
    const page = found.slice(0, input.MaxResults);
    return {
      ...nextOf(found, page, ({ path }) => path),
      Parameters: page.map((version) => metadataOf(call, version)),
    };
  },
};

const missingNames = { missing: 'ParameterNotFound', version: 'ParameterVersionNotFound' } as const;

function orError(found: Found): ParameterVersion {
  if (typeof found === 'string') throw new WireError(missingNames[found]);
  return found;
}

/** `:7` of `/prod/db:7`, as the answer repeats it; an ARN has colons of its own. */
function selectorOf(name: string): string | undefined {
  const last = name.replace(/^arn:[^/]*/, '');
  const colon = last.indexOf(':');
  return colon === -1 ? undefined : last.slice(colon);
}

/** One more than the page was asked for: whether there is a next one. */
function nextOf<Each>(
  found: readonly Each[],
  page: readonly Each[],
  keyOf: (last: Each) => string | number,
): { readonly NextToken?: string } {
  const last = page.at(-1);
  return found.length > page.length && last !== undefined ? { NextToken: tokenOf(keyOf(last)) } : {};
}
