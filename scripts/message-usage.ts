import path from 'node:path';
import ts from 'typescript';

/*
 * Finds the messages that the code uses. With next-intl's types (global.ts), the type checker
 * resolves `t('title')` as well as t(`states.${state}`) to the exact keys. `@lingual/i18n-check`
 * would need 87 exceptions, because it supports neither dynamic keys nor messages that the server
 * reads from the JSON files.
 */

interface Usage {
  /** Full keys, such as `jobs.title`. */
  keys: Set<string>;
  /**
   * Message groups, such as `audit.counts`, from which the code uses a key that cannot be
   * determined.
   */
  groups: Set<string>;
  /** Calls whose namespace is unknown. */
  problems: string[];
}

type Translator = ts.Identifier | ts.CallExpression | ts.ParenthesizedExpression;

const TRANSLATOR_METHODS = ['has', 'markup', 'raw', 'rich'];
const TRANSLATOR_HOOKS = ['getTranslations', 'useTranslations'];

/** Returns a program of the source files that tsconfig.json in `root` includes, without tests. */
export function createMessageProgram(root: string): ts.Program {
  const config = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const files = fileNames.filter((file) => {
    const name = path.relative(root, file);
    return /^(app|components|lib|server)\/|^global\.ts$/.test(name) && !name.includes('.test.');
  });
  return ts.createProgram(files, { ...options, incremental: false });
}

/** Returns the messages that the program's own files use. */
export function findMessageUsage(program: ts.Program): Usage {
  const usage: Usage = { keys: new Set(), groups: new Set(), problems: [] };
  const sources = program
    .getSourceFiles()
    .filter(({ fileName, isDeclarationFile }) => !isDeclarationFile && /\.tsx?$/.test(fileName))
    .filter(({ text }) => /Translations|messages\/\w+\.json/.test(text));
  for (const source of sources) new FileUsage(program.getTypeChecker(), source, usage).read();
  return usage;
}

class FileUsage {
  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly source: ts.SourceFile,
    private readonly usage: Usage,
  ) {}

  read(): void {
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) this.readCall(node);
      if (ts.isPropertyAccessExpression(node)) this.readProperty(node, [node.name.text]);
      if (ts.isElementAccessExpression(node))
        this.readProperty(
          node,
          literalsOf(this.checker.getTypeAtLocation(node.argumentExpression)),
        );
      ts.forEachChild(node, visit);
    };
    visit(this.source);
  }

  /** Reads `t(key)`, `t.rich(key)` and `useTranslations('namespace')(key)`. */
  private readCall(call: ts.CallExpression): void {
    const translator = this.translatorOf(call.expression);
    if (!translator || call.arguments.length === 0) return;
    const keys = this.firstParameter(call);
    if (keys.length === 0) return this.useGroups();
    const namespaces = this.namespacesOf(translator);
    if (namespaces.length === 0) this.report(call, 'the namespace of this message is unknown.');
    for (const namespace of namespaces)
      for (const key of keys) this.usage.keys.add(namespace === '' ? key : `${namespace}.${key}`);
  }

  private translatorOf(callee: ts.Expression): Translator | null {
    const isMethod =
      ts.isPropertyAccessExpression(callee) && TRANSLATOR_METHODS.includes(callee.name.text);
    const object = isMethod ? callee.expression : callee;
    const canBe =
      ts.isIdentifier(object) ||
      ts.isCallExpression(object) ||
      ts.isParenthesizedExpression(object);
    if (!canBe) return null;
    const type = this.checker.getTypeAtLocation(object);
    return TRANSLATOR_METHODS.every((name) => type.getProperty(name)) ? object : null;
  }

  /** The string literals that TypeScript infers for the first parameter of a call. */
  private firstParameter(call: ts.CallExpression): string[] {
    const parameter = this.checker.getResolvedSignature(call)?.parameters[0];
    return parameter ? literalsOf(this.checker.getTypeOfSymbolAtLocation(parameter, call)) : [];
  }

  /** The namespaces that a translator may have; '' is the root. */
  private namespacesOf(expression: ts.Expression): string[] {
    if (ts.isParenthesizedExpression(expression) || ts.isAwaitExpression(expression))
      return this.namespacesOf(expression.expression);
    if (ts.isCallExpression(expression)) {
      if (!isHookCall(expression)) return [];
      return expression.arguments.length === 0 ? [''] : this.firstParameter(expression);
    }
    const declaration = this.checker.getSymbolAtLocation(expression)?.valueDeclaration;
    const initializer = declaration && initializerOf(declaration);
    return initializer ? this.namespacesOf(initializer) : [];
  }

  /** Reads a message that is a property of messages/<locale>.json. */
  private readProperty(
    access: ts.PropertyAccessExpression | ts.ElementAccessExpression,
    names: string[],
  ): void {
    const type = this.checker.getTypeAtLocation(access.expression);
    for (const name of names)
      for (const declaration of type.getProperty(name)?.declarations ?? [])
        if (/\/messages\/\w+\.json$/.test(declaration.getSourceFile().fileName))
          this.usage.keys.add(keyOfProperty(declaration));
  }

  /** Handles a key of type never, which may be in any message group that occurs in the file. */
  private useGroups(): void {
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node) || ts.isBinaryExpression(node) || isHookCall(node)) return;
      if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node))
        this.usage.groups.add(node.text.replace(/\.$/, ''));
      ts.forEachChild(node, visit);
    };
    visit(this.source);
  }

  private report(node: ts.Node, sentence: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart(this.source));
    this.usage.problems.push(`${this.source.fileName}:${line + 1}: ${sentence}`);
  }
}

const isHookCall = (node: ts.Node) =>
  ts.isCallExpression(node) &&
  ts.isIdentifier(node.expression) &&
  TRANSLATOR_HOOKS.includes(node.expression.text);

function literalsOf(type: ts.Type | undefined): string[] {
  if (!type) return [];
  const types = type.isUnion() ? type.types : [type];
  return types.flatMap((member) => (member.isStringLiteral() ? [member.value] : []));
}

/** The value of a variable, also of `const [x, t] = await Promise.all([a, b])`. */
function initializerOf(declaration: ts.Declaration): ts.Expression | undefined {
  if (ts.isVariableDeclaration(declaration)) return declaration.initializer;
  if (!ts.isBindingElement(declaration) || !ts.isArrayBindingPattern(declaration.parent))
    return undefined;
  const pattern = declaration.parent;
  const value = ts.isVariableDeclaration(pattern.parent) ? pattern.parent.initializer : undefined;
  const call = value && ts.isAwaitExpression(value) ? value.expression : undefined;
  const list = call && ts.isCallExpression(call) ? call.arguments[0] : undefined;
  return list && ts.isArrayLiteralExpression(list)
    ? list.elements[pattern.elements.indexOf(declaration)]
    : undefined;
}

function keyOfProperty(declaration: ts.Declaration): string {
  const names: string[] = [];
  for (let node: ts.Node = declaration; !ts.isSourceFile(node); node = node.parent)
    if (ts.isPropertyAssignment(node) && ts.isStringLiteral(node.name))
      names.unshift(node.name.text);
  return names.join('.');
}
