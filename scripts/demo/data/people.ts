import type { Random } from './random';

/* Fictional customers, products and places. */

const COMPANIES = [
  '株式会社青葉商事',
  '有限会社みなと青果',
  '株式会社北斗システムズ',
  '合同会社つばめ',
  '株式会社ヤマト屋',
  '富士見精機株式会社',
  'Northwind Traders K.K.',
  'Blue Harbor Ltd.',
  '株式会社サクラ印刷',
  '京都和菓子本舗',
  'Müller & Söhne GmbH',
  'Acme Robotics Inc.',
  '株式会社あけぼの食品',
  '札幌ファーム合同会社',
  '那覇リゾート株式会社',
  'Lumière SARL',
  '株式会社東雲物流',
  '花丸クリニック',
] as const;
const LAST_NAMES = [
  '佐藤',
  '鈴木',
  '高橋',
  '田中',
  '渡辺',
  '伊藤',
  '山本',
  '中村',
  '小林',
  '加藤',
  '吉田',
  '山田',
  'Smith',
  'García',
  'Nguyễn',
  'Olsen',
] as const;
const FIRST_NAMES = [
  '太郎',
  '花子',
  '健一',
  '美咲',
  '翔太',
  '陽子',
  '直樹',
  '恵',
  'Alex',
  'Maria',
  'Lan',
  'Ingrid',
] as const;
const REGIONS = ['北海道', '東北', '関東', '中部', '近畿', '中国・四国', '九州・沖縄'] as const;
const WAREHOUSES = [
  '東京第一倉庫',
  '大阪南港倉庫',
  '福岡物流センター',
  '札幌センター',
  'Singapore DC',
  'Rotterdam DC',
] as const;
const PRODUCTS = [
  '煎茶 100g',
  '有田焼 湯呑み',
  'Linen Tote Bag',
  '今治タオル（白）',
  'USB-C ケーブル 1.5m',
  '南部鉄器 急須',
  'Notebook A5',
  '抹茶ラテの素',
] as const;

export const company = (random: Random): string => random.pick(COMPANIES);
export const person = (random: Random): string =>
  `${random.pick(LAST_NAMES)} ${random.pick(FIRST_NAMES)}`;
export const region = (random: Random): string => random.pick(REGIONS);
export const warehouse = (random: Random): string => random.pick(WAREHOUSES);
export const product = (random: Random): string => random.pick(PRODUCTS);

export const customerId = (random: Random): number => random.int(1001, 9800);
export const orderId = (random: Random): number => random.int(240_000, 318_000);
export const invoiceId = (random: Random): number => random.int(51_000, 98_000);
export const email = (random: Random): string =>
  `user${random.int(1, 9999)}@${random.pick(['example.com', 'example.jp', 'mail.example.org'])}`;
