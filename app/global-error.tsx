'use client';

import './globals.css';

/** Without the layout the locale is unknown, so this uses both languages. */
export default function GlobalError() {
  return (
    <html lang="en" data-theme="auto">
      <body className="p-8">
        <h1 className="text-xl font-semibold">GoodJob Console</h1>
        <p className="mt-3">
          Something went wrong in the console. It has been logged. Reload the page.
        </p>
        <p className="mt-1" lang="ja">
          コンソールで問題が発生しました。内容はログに記録されています。ページを再読み込みしてください。
        </p>
      </body>
    </html>
  );
}
