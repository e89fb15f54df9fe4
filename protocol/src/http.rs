//! Bodies and queries of the HTTP interface for a shop's other systems. Owns shapes; paths and
//! roles are the server's. Where a body is missing here it is one of `object` or `reply`, and a
//! refusal is an `ErrorBody`.

mod desk;
mod event;
mod order;
mod promo;
mod room;
mod sale;
mod shop;
mod upload;

pub use desk::{
    AssignSession, EndSession, FaqList, FileReport, FiledReport, ListAgents, ListSessions, PutFaq,
    PutQuickReply, QuickReplies, RateQuery, ReadMessages, ReadTranscript, SearchMessages,
    SendMessage, SessionReports, SetCap, SetFaqCard, SetStatus, SetVerdict, TransferSession,
};
pub use event::{Event, EventPage, ListEvents};
pub use order::{
    Buyer, BuyerErased, CancelOrder, CancelReason, ListOrders, OrderDetail, ReportPayment,
};
pub use promo::{
    CampaignDetail, CreateCampaign, CreateDraw, DrawDetail, GrantCoupons, ListCampaigns,
    ListCoupons, ListDraws, ListPriceRules, Prize, Prizes, PushCampaign, QuoteCart, RefundLine,
    RefundOrder, RefundStage, SetStacking,
};
pub use room::{CreateRoom, ListRooms, Restrict, SetBag, SetKeywords, SetPin, SetSlowMode};
pub use sale::{CreateSale, ListSales, Restock, Sales};
pub use shop::{
    AdjustStock, ChangeShop, CreateShop, Products, PutStaff, SetStock, SkuStock, StaffList,
};
pub use upload::{NewUpload, ReadUpload, UploadTicket, Uploaded};

pub use crate::refusal::ErrorBody;
